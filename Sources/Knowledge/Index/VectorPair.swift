import Foundation

/// The floats and the bytes of the same rows.
struct VectorPair: Sendable {
    let floats: VectorFile
    let quantised: VectorFile

    var count: Int { floats.count }
    var dimension: Int { floats.layout.dimension }

    init(floats: VectorFile, quantised: VectorFile) {
        self.floats = floats
        self.quantised = quantised
    }

    /// Finished files that belong together.
    ///
    /// - Throws: `KnowledgeError.indexDamaged`.
    init(_ folder: URL, collection: String) throws {
        floats = try VectorFile(folder, collection: collection, layout: VectorLayout.floats)
        quantised = try VectorFile(folder, collection: collection, layout: VectorLayout.quantised)
        guard floats.count == quantised.count, floats.layout.dimension == quantised.layout.dimension else {
            throw KnowledgeError.indexDamaged(
                collection: collection,
                reason: "\(CollectionFolder.vectors) holds \(floats.count) rows of \(floats.layout.dimension), "
                    + "\(CollectionFolder.quantised) \(quantised.count) of \(quantised.layout.dimension)")
        }
    }
}
