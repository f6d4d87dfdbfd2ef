import Foundation

/// Names and life of a collection on disk. A collection is one folder and nothing else.
public enum CollectionFolder {
    static let chunks = "chunks.sqlite"
    static let vectors = "vectors.f32"
    static let quantised = "vectors.i8"
    /// There from `SketchSpace.rows` vectors on; older collections have none and do without.
    static let sketches = "vectors.b1"
    static let lock = "build.lock"

    /// Where the collection is while it is built: beside its final place, so that the last step is a
    /// rename within one file system.
    public static func unfinished(_ directory: URL) -> URL {
        directory.deletingLastPathComponent().appendingPathComponent(directory.lastPathComponent + ".building", isDirectory: true)
    }

    /// Where the collection is built while another builder, who may be frozen and not know that it is over, holds
    /// ``unfinished(_:)``: folders of their own, of which a search sees the last.
    static func unfinished(_ directory: URL, beside number: Int) -> URL {
        number == 1 ? unfinished(directory) : unfinished(directory).appendingPathExtension(String(number))
    }

    /// All that are there, the last first.
    static func allUnfinished(_ directory: URL) -> [URL] {
        let first = unfinished(directory).lastPathComponent
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.deletingLastPathComponent().path)) ?? []
        let numbers = names.compactMap { name in
            name == first ? 1 : name.hasPrefix("\(first).") ? Int(name.dropFirst(first.count + 1)) : nil
        }
        return numbers.sorted(by: >).map { unfinished(directory, beside: $0) }
    }

    /// Deletes a collection, its unfinished build and whatever an interrupted build had unpacked. Does
    /// nothing where there is none.
    ///
    /// - Throws: the file system's error if something is left behind.
    public static func remove(_ directory: URL) throws {
        for folder in [directory] + allUnfinished(directory) where FileManager.default.fileExists(atPath: folder.path) {
            try FileManager.default.removeItem(at: folder)
        }
        let parent = directory.deletingLastPathComponent()
        if FileManager.default.fileExists(atPath: parent.path) { try Durable.synchronise(parent) }
    }

    static func bytes(_ directory: URL) throws -> Int {
        try [chunks, vectors, quantised, sketches].reduce(0) { sum, name in
            let file = directory.appendingPathComponent(name).path
            if name == sketches, !FileManager.default.fileExists(atPath: file) { return sum }
            let attributes = try FileManager.default.attributesOfItem(atPath: file)
            return sum + (attributes[.size] as? Int ?? 0)
        }
    }
}
