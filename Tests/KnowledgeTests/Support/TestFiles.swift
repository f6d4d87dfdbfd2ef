import Foundation

/// Where this checkout's optional test material lies.
enum TestFiles {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let cranfield = root.deletingLastPathComponent().appendingPathComponent("shared/data/cranfield", isDirectory: true)

    static var hasCranfield: Bool {
        ["corpus.jsonl", "queries.jsonl", "qrels.tsv"].allSatisfy {
            FileManager.default.fileExists(atPath: cranfield.appendingPathComponent($0).path)
        }
    }
}

/// The engine's interpreter, script and model.
struct EngineFiles {
    var python: URL
    var script: URL
    var model: URL
    var reranker: URL

    /// Nil unless all three are there.
    static let found: EngineFiles? = {
        let data =
            ProcessInfo.processInfo.environment["ATELIER_DATA_DIR"].map { URL(fileURLWithPath: $0, isDirectory: true) }
            ?? TestFiles.root.appendingPathComponent("data", isDirectory: true)
        let files = EngineFiles(
            python: TestFiles.root.appendingPathComponent(".venv/bin/python"),
            script: TestFiles.root.appendingPathComponent("engine/embedding/embed.py"),
            model: data.appendingPathComponent("models/bge-small-en-v1.5", isDirectory: true),
            reranker: data.appendingPathComponent("models/ms-marco-minilm", isDirectory: true))
        let needed = [files.python, files.script] + [files.model, files.reranker].map { $0.appendingPathComponent("model.onnx") }
        return needed.allSatisfy { FileManager.default.fileExists(atPath: $0.path) } ? files : nil
    }()
}
