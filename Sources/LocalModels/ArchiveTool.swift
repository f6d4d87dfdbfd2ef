import Foundation

/// Unpacks archives with `engine/documents/extract.py`: a hostile archive fails in a child, by name.
public struct ArchiveTool: Sendable {
    /// What was left out of an archive, or guessed.
    public struct Note: Sendable, Decodable, Equatable {
        /// Nil where it is about the archive.
        public var entry: String?
        public var code: String
        public var message: String
        public var hint: String
    }

    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Extracts regular files of a zip or tar into `directory`, which stays empty on failure.
    /// - Throws: ``LocalModelError`` with the entry and the reason.
    @discardableResult
    public func extract(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws -> [Note] {
        struct Done: Decodable { var notes: [Note]? }
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let done = try await EngineScript(
            command: paths.command(
                "documents/extract.py",
                ["--archive", archive.path, "--out", directory.path, "--max-entries", String(maxEntries), "--max-bytes", String(maxBytes)],
                .worker(paths.sandbox, reads: [archive], writes: [directory], fileBytes: maxBytes)),
            failure: (.archiveUnreadable, "the archive could not be unpacked")
        ).run()
        return try JSONDecoder().decode(Done.self, from: done).notes ?? []
    }
}
