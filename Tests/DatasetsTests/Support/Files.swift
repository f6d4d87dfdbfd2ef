import Datasets
import Foundation

/// Calls `body` with a folder that is gone afterwards.
func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("datasets-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
}

extension URL {
    func file(_ name: String, _ text: String) throws -> URL { try file(name, Data(text.utf8)) }

    func file(_ name: String, _ data: Data) throws -> URL {
        let file = appendingPathComponent(name)
        try data.write(to: file)
        return file
    }
}

/// A committed file of this suite.
func fixture(_ name: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/\(name)")
}

extension DatasetReader {
    /// All examples of a file without problems.
    func examples() throws -> [ChatExample] {
        var examples: [ChatExample] = []
        let report = try read { examples.append($0) }
        if report.problemCount > 0 { throw DatasetInvalid(report) }
        return examples
    }
}

extension ChatExample {
    var text: String { String(decoding: line(), as: UTF8.self) }
}

let good = #"{"messages":[{"role":"user","content":"Where is the kiln?"},{"role":"assistant","content":"Behind the barn."}]}"#
