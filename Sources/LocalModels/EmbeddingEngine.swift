import Foundation
import Logging

/// The ONNX embedder and cross-encoder in their own child process. One request at a time; a child that
/// dies is started again for the next request.
public struct EmbeddingEngine: Sendable {
    public struct Info: Sendable {
        public var model: String
        public var dimension: Int
        public var maxTokens: Int
    }

    public let info: Info
    private let service: EngineService

    /// Starts the child and waits until its model is loaded.
    /// - Parameter lowPriority: for indexing, so that questions stay quick.
    public static func start(paths: EnginePaths, threads: Int = 2, lowPriority: Bool = false, logger: Logger) async throws -> EmbeddingEngine {
        struct Ready: Decodable {
            var model: String
            var dimension: Int
            var max_tokens: Int
        }
        let (service, line) = try await EngineService.start(
            .init(words: "the embedder", failed: .embedderFailed, died: .embedderDied), sendsPayload: true, logger: logger
        ) {
            if let missing = paths.missing() { throw missing }
            return paths.command(
                "embedding/embed.py", ["--model", paths.embedder.path, "--reranker", paths.reranker.path, "--threads", String(threads)],
                // It writes no file; its processor time is that of all requests, and so has no bound.
                Confinement(reads: [paths.embedder, paths.reranker], limits: ChildLimits(fileBytes: 1 << 20, openFiles: 1024, processes: 0)),
                lowPriority: lowPriority)
        }
        let ready = try JSONDecoder().decode(Ready.self, from: line)
        guard (1...65_536).contains(ready.dimension), (1...1_000_000).contains(ready.max_tokens) else {
            await service.stop()
            throw LocalModelError(
                code: .engineProtocol,
                message: "the embedder says that its vectors have \(ready.dimension) dimensions and its texts \(ready.max_tokens) tokens",
                hint: "run: make setup")
        }
        return EmbeddingEngine(info: Info(model: ready.model, dimension: ready.dimension, maxTokens: ready.max_tokens), service: service)
    }

    /// L2-normalised vectors, row-major, `texts.count` × ``Info/dimension``.
    /// - Parameter kind: `query` or `passage`; the model treats them differently.
    public func embed(_ texts: [String], kind: String) async throws -> [Float] {
        guard !texts.isEmpty else { return [] }
        let (reply, payload) = try await request(Request(op: "embed", kind: kind, texts: texts))
        guard let payload, reply.count == texts.count, payload.count == texts.count * info.dimension * 4 else {
            throw LocalModelError(code: .engineProtocol, message: "the embedder answered with the wrong number of vectors")
        }
        return payload.withUnsafeBytes { raw in
            (0..<payload.count / 4).map { Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))) }
        }
    }

    /// Tokens of each text, without the special ones.
    public func tokenCounts(_ texts: [String]) async throws -> [Int] {
        guard !texts.isEmpty else { return [] }
        guard let counts = try await request(Request(op: "count_tokens", texts: texts)).0.counts, counts.count == texts.count,
            counts.allSatisfy((0...1_000_000_000).contains)
        else {
            throw LocalModelError(code: .engineProtocol, message: "the embedder answered with the wrong number of counts")
        }
        return counts
    }

    /// The cross-encoder's logit of each text for the query: higher is better, no fixed range. Its model
    /// is loaded with the first call.
    public func rerank(_ query: String, _ texts: [String]) async throws -> [Float] {
        guard !texts.isEmpty else { return [] }
        guard let scores = try await request(Request(op: "rerank", query: query, texts: texts)).0.scores, scores.count == texts.count else {
            throw LocalModelError(code: .engineProtocol, message: "the reranker answered with the wrong number of scores")
        }
        return scores
    }

    public func stop() async { await service.stop() }

    /// For tests that kill it.
    public var processID: Int32? { get async { await service.processID } }

    private struct Request: Encodable, Sendable {
        var id = 0
        var op: String
        var kind: String?
        var query: String?
        var texts: [String]
    }

    private struct Reply: Decodable, Sendable {
        var count: Int?
        var counts: [Int]?
        var scores: [Float]?
    }

    private func request(_ template: Request) async throws -> (Reply, Data?) {
        let (line, payload) = try await service.ask { id in
            var request = template
            request.id = id
            return try JSONEncoder().encode(request)
        }
        return (try JSONDecoder().decode(Reply.self, from: line), payload)
    }
}
