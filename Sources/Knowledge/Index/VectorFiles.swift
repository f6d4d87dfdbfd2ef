import Foundation

/// The floats and the bytes of the same rows, and the sketches of the first of them.
struct VectorFiles: Sendable {
    let floats: VectorFile
    let quantised: VectorFile
    /// Of all rows, or of those up to some; nil where there are few or the collection is older.
    let sketches: VectorSketches?

    var count: Int { floats.count }
    var dimension: Int { floats.layout.dimension }

    init(floats: VectorFile, quantised: VectorFile, sketches: VectorSketches?) {
        self.floats = floats
        self.quantised = quantised
        self.sketches = sketches
    }

    /// Finished files that belong together.
    ///
    /// - Throws: `KnowledgeError.indexDamaged`.
    init(_ folder: URL, collection: String) throws {
        floats = try VectorFile(folder, collection: collection, layout: VectorLayout.floats)
        quantised = try VectorFile(folder, collection: collection, layout: VectorLayout.quantised)
        let exists = FileManager.default.fileExists(atPath: folder.appendingPathComponent(CollectionFolder.sketches).path)
        sketches = exists ? VectorSketches(try VectorFile(folder, collection: collection, layout: VectorLayout.sketches)) : nil
        if let centre = sketches?.space.centre, !centre.allSatisfy(\.isFinite) {
            throw KnowledgeError.indexDamaged(
                collection: collection, reason: "the centre of \(CollectionFolder.sketches) holds values that are no numbers")
        }
        for other in [quantised, sketches?.file].compactMap(\.self) {
            guard floats.count == other.count, floats.layout.dimension == other.layout.dimension else {
                throw KnowledgeError.indexDamaged(
                    collection: collection,
                    reason: "\(CollectionFolder.vectors) holds \(floats.count) rows of \(floats.layout.dimension), "
                        + "\(other.layout.file) \(other.count) of \(other.layout.dimension)")
            }
        }
    }
}
