import Foundation

/// Unpacks archives with `engine/extract.py`: a hostile archive fails in a child, by name.
public struct ArchiveTool: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Extracts regular files of a zip or tar into `directory`, which stays empty on failure.
    /// - Throws: ``LocalModelError`` with the entry and the reason.
    public func extract(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws {
        struct Line: Decodable {
            var event: String
            var code: String?
            var message: String?
            var hint: String?
        }
        let child = Child(
            paths.command(
                "extract.py",
                ["--archive", archive.path, "--out", directory.path, "--max-entries", String(maxEntries), "--max-bytes", String(maxBytes)]))
        let last = await withTaskCancellationHandler {
            var reader = ByteReader(child.output)
            var last: Line?
            while let line = await reader.line() {
                if let event = try? JSONDecoder().decode(Line.self, from: line), event.event != "entry" { last = event }
            }
            return last
        } onCancel: {
            Task { await child.stop() }
        }
        let exit = await child.exit
        try Task.checkCancellation()
        if last?.event == "done", exit.status == 0 { return }
        throw LocalModelError(
            code: last?.code ?? "archive_unreadable", message: last?.message ?? "the archive could not be unpacked: \(exit.lastErrorLine)",
            hint: last?.hint)
    }
}
