import Foundation

/// Checks collections that come from elsewhere with `engine/documents/collection_import.py`: a hostile database or file of
/// vectors is opened in a child alone.
public struct CollectionTool: Sendable {
    /// What was found and written.
    public struct Checked: Sendable, Decodable, Equatable {
        public var documents: Int
        public var chunks: Int
        public var dimension: Int
    }

    /// Largest file of a collection.
    private static let fileBytes = 64 << 30

    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Reads the files of a collection in `folder`, in their plain form or as a server keeps them, and writes the plain
    /// form of what it found into the empty folder `target`.
    /// - Parameter maxBytes: of texts and lines.
    /// - Throws: ``LocalModelError``, `collection_invalid` with the place and the reason.
    public func check(_ folder: URL, into target: URL, maxBytes: Int) async throws -> Checked {
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let done = try await EngineScript(
            command: paths.command(
                "documents/collection_import.py", ["--from", folder.path, "--out", target.path, "--max-bytes", String(maxBytes)],
                // A file of vectors may be larger than the texts.
                .worker(paths.sandbox, reads: [folder], writes: [target], fileBytes: Self.fileBytes), lowPriority: true),
            failure: (.collectionInvalid, "the collection could not be read")
        ).run()
        return try JSONDecoder().decode(Checked.self, from: done)
    }
}
