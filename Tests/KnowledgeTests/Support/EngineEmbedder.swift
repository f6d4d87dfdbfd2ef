import Domain
import Foundation
import Knowledge

/// The real engine as a child process, one request at a time.
final class EngineEmbedder: Embedder, Reranker, @unchecked Sendable {
    let identity: EmbedderIdentity
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let lock = NSLock()
    private var buffer = Data()
    private var lastID = 0

    struct Failure: Error {
        var message: String
    }

    private struct Ready: Decodable {
        var model: String
        var dimension: Int
        var max_tokens: Int
    }

    private struct Reply: Decodable {
        struct Problem: Decodable { var message: String }
        var count: Int?
        var dimension: Int?
        var bytes: Int?
        var counts: [Int]?
        var scores: [Float]?
        var error: Problem?
    }

    init(engine: EngineFiles) throws {
        process.executableURL = engine.python
        process.arguments = [engine.script.path, "--model", engine.model.path, "--reranker", engine.reranker.path]
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var pending = Data()
        let ready = try JSONDecoder().decode(Ready.self, from: Self.line(output.fileHandleForReading, &pending))
        buffer = pending
        identity = EmbedderIdentity(model: ready.model, dimension: ready.dimension, maxTokens: ready.max_tokens)
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.terminate()
        process.waitUntilExit()
    }

    func embed(_ texts: [String], kind: EmbedKind) async throws -> EmbeddingBatch {
        try lock.withLock {
            let reply = try request(["op": "embed", "kind": kind.rawValue, "texts": texts])
            let data = try bytes(reply.bytes ?? 0)
            var values = [Float](repeating: 0, count: data.count / 4)
            _ = values.withUnsafeMutableBytes { data.copyBytes(to: $0) }
            return EmbeddingBatch(count: reply.count ?? 0, dimension: reply.dimension ?? 0, values: values)
        }
    }

    func tokenCounts(_ texts: [String]) async throws -> [Int] {
        try lock.withLock { try request(["op": "count_tokens", "texts": texts]).counts ?? [] }
    }

    func scores(_ query: String, _ texts: [String]) async throws -> [Float] {
        try lock.withLock { try request(["op": "rerank", "query": query, "texts": texts]).scores ?? [] }
    }

    private func request(_ fields: [String: Any]) throws -> Reply {
        lastID += 1
        var fields = fields
        fields["id"] = lastID
        try input.fileHandleForWriting.write(contentsOf: JSONSerialization.data(withJSONObject: fields) + Data("\n".utf8))
        let reply = try JSONDecoder().decode(Reply.self, from: Self.line(output.fileHandleForReading, &buffer))
        if let error = reply.error { throw Failure(message: error.message) }
        return reply
    }

    private func bytes(_ count: Int) throws -> Data {
        while buffer.count < count { try Self.fill(output.fileHandleForReading, &buffer) }
        defer { buffer = Data(buffer.dropFirst(count)) }
        return Data(buffer.prefix(count))
    }

    private static func line(_ handle: FileHandle, _ buffer: inout Data) throws -> Data {
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                defer { buffer = Data(buffer[(end + 1)...]) }
                return Data(buffer[..<end])
            }
            try fill(handle, &buffer)
        }
    }

    private static func fill(_ handle: FileHandle, _ buffer: inout Data) throws {
        let data = handle.availableData
        guard !data.isEmpty else { throw Failure(message: "the engine ended") }
        buffer.append(data)
    }
}
