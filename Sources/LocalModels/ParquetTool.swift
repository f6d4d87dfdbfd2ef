import Foundation

/// Writes a Parquet file as JSON lines with `engine/parquet.py`: a hostile file fails in a child, by name.
public struct ParquetTool: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// - Parameter maxBytes: of the JSON lines.
    /// - Throws: ``LocalModelError`` with the script's code, message and hint; nothing is at `target` then.
    public func convert(_ file: URL, to target: URL, maxBytes: Int) async throws {
        struct Line: Decodable {
            var event: String
            var code: String?
            var message: String?
            var hint: String?
        }
        let child = Child(
            paths.command("parquet.py", ["--file", file.path, "--out", target.path, "--max-bytes", String(maxBytes)], lowPriority: true))
        let last = await withTaskCancellationHandler {
            var reader = ByteReader(child.output)
            var last: Line?
            while let line = await reader.line() { last = try? JSONDecoder().decode(Line.self, from: line) }
            return last
        } onCancel: {
            Task { await child.stop() }
        }
        let exit = await child.exit
        try Task.checkCancellation()
        if last?.event == "done", exit.status == 0 { return }
        throw LocalModelError(
            code: last?.code ?? "parquet_failed", message: last?.message ?? "the Parquet file could not be read: \(exit.lastErrorLine)",
            hint: last?.hint)
    }
}
