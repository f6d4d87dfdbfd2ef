import Foundation

/// Unpacks archives with `engine/extract.py`: a hostile archive fails in a child, by name.
public struct ArchiveTool: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Extracts regular files of a zip or tar into `directory`, which stays empty on failure.
    /// - Throws: ``LocalModelError`` with the entry and the reason.
    public func extract(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try await EngineScript(
            command: paths.command(
                "extract.py",
                ["--archive", archive.path, "--out", directory.path, "--max-entries", String(maxEntries), "--max-bytes", String(maxBytes)],
                .worker(paths.sandbox, reads: [archive], writes: [directory], fileBytes: maxBytes)),
            failure: (.archiveUnreadable, "the archive could not be unpacked")
        ).run()
    }
}
