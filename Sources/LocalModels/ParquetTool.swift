import Foundation

/// Writes a Parquet file as JSON lines with `engine/documents/parquet.py`: a hostile file fails in a child, by name.
public struct ParquetTool: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// - Parameter maxBytes: of the JSON lines.
    /// - Throws: ``LocalModelError`` with the script's code, message and hint; nothing is at `target` then.
    public func convert(_ file: URL, to target: URL, maxBytes: Int) async throws {
        try await WrittenFiles.making(target) { out, folder in
            _ = try await EngineScript(
                command: paths.command(
                    "documents/parquet.py", ["--file", file.path, "--out", out.path, "--max-bytes", String(maxBytes)],
                    .worker(paths.sandbox, reads: [file], writes: [folder], fileBytes: maxBytes), lowPriority: true),
                failure: (.parquetFailed, "the Parquet file could not be read")
            ).run()
        }
    }
}
