import Foundation
import Logging

/// The ONNX embedder in its own child process. One request at a time; a child that dies is started
/// again for the next request.
public actor EmbeddingEngine {
    public struct Info: Sendable {
        public var model: String
        public var dimension: Int
        public var maxTokens: Int
    }

    public nonisolated let info: Info
    private let paths: EnginePaths
    private let threads: Int
    private let lowPriority: Bool
    private let logger: Logger
    private var channel: Channel?
    private var nextID = 1
    private var busy = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    private struct Channel {
        var child: Child
        var reader: ByteReader
    }

    private init(info: Info, channel: Channel, paths: EnginePaths, threads: Int, lowPriority: Bool, logger: Logger) {
        self.info = info
        self.channel = channel
        self.paths = paths
        self.threads = threads
        self.lowPriority = lowPriority
        self.logger = logger
    }

    /// Starts the child and waits until its model is loaded.
    /// - Parameter lowPriority: for indexing, so that questions stay quick.
    public static func start(paths: EnginePaths, threads: Int = 2, lowPriority: Bool = false, logger: Logger) async throws -> EmbeddingEngine {
        let (channel, info) = try await open(paths: paths, threads: threads, lowPriority: lowPriority)
        return EmbeddingEngine(info: info, channel: channel, paths: paths, threads: threads, lowPriority: lowPriority, logger: logger)
    }

    /// L2-normalised vectors, row-major, `texts.count` × ``Info/dimension``.
    /// - Parameter kind: `query` or `passage`; the model treats them differently.
    public func embed(_ texts: [String], kind: String) async throws -> [Float] {
        guard !texts.isEmpty else { return [] }
        let (reply, bytes) = try await request(Request(op: "embed", kind: kind, texts: texts))
        guard let bytes, reply.count == texts.count, bytes.count == texts.count * info.dimension * 4 else {
            throw LocalModelError(code: "engine_protocol", message: "the embedder answered with the wrong number of vectors")
        }
        return bytes.withUnsafeBytes { raw in
            (0..<bytes.count / 4).map { Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self))) }
        }
    }

    /// Tokens of each text, without the special ones.
    public func tokenCounts(_ texts: [String]) async throws -> [Int] {
        guard !texts.isEmpty else { return [] }
        guard let counts = try await request(Request(op: "count_tokens", texts: texts)).0.counts, counts.count == texts.count else {
            throw LocalModelError(code: "engine_protocol", message: "the embedder answered with the wrong number of counts")
        }
        return counts
    }

    /// One logit per text: how well it answers the query, by the cross-encoder. Its model is loaded with the
    /// first call.
    public func rerank(_ query: String, _ texts: [String]) async throws -> [Float] {
        guard !texts.isEmpty else { return [] }
        guard let scores = try await request(Request(op: "rerank", query: query, texts: texts)).0.scores, scores.count == texts.count else {
            throw LocalModelError(code: "engine_protocol", message: "the reranker answered with the wrong number of scores")
        }
        return scores
    }

    public func stop() async {
        await channel?.child.stop()
        channel = nil
    }

    /// For tests that kill it.
    public var processID: Int32? { channel?.child.processID }

    private struct Request: Encodable, Sendable {
        var id = 0
        var op: String
        var kind: String?
        var query: String?
        var texts: [String]
    }

    private struct Reply: Decodable, Sendable {
        struct Failure: Decodable, Sendable {
            var code: String
            var message: String
        }
        var id: Int?
        var count: Int?
        var bytes: Int?
        var counts: [Int]?
        var scores: [Float]?
        var error: Failure?
    }

    private func request(_ template: Request) async throws -> (Reply, Data?) {
        await acquire()
        defer { release() }
        try Task.checkCancellation()
        if channel == nil {
            logger.notice("starting the embedder again")
            channel = try await Self.open(paths: paths, threads: threads, lowPriority: lowPriority).0
        }
        var request = template
        request.id = nextID
        nextID += 1
        // In a task of its own: a caller that is cancelled must not leave half a reply in the pipe.
        return try await Task { [request] in try await exchange(request) }.value
    }

    private func exchange(_ request: Request) async throws -> (Reply, Data?) {
        var line = try JSONEncoder().encode(request)
        line.append(0x0A)
        guard var current = channel else { throw LocalModelError(code: "engine_stopped", message: "the embedder was stopped") }
        current.child.write(line)
        guard let answer = await current.reader.line(), let reply = try? JSONDecoder().decode(Reply.self, from: answer), reply.id == request.id
        else { throw await died(current.child) }
        var bytes: Data?
        if let count = reply.bytes {
            bytes = await current.reader.bytes(count)
            if bytes == nil { throw await died(current.child) }
        }
        channel = current
        if let failure = reply.error { throw LocalModelError(code: failure.code, message: failure.message) }
        return (reply, bytes)
    }

    private func died(_ child: Child) async -> LocalModelError {
        let exit = await child.stop()
        channel = nil
        return LocalModelError(
            code: "embedder_died", message: "the embedder ended in the middle of a request: \(exit.lastErrorLine)",
            hint: "it is started again for the next request")
    }

    // Actors are re-entrant at every await; requests on one pipe must not be.
    private func acquire() async {
        if !busy {
            busy = true
            return
        }
        await withCheckedContinuation { waiters.append($0) }
    }

    private func release() {
        if waiters.isEmpty { busy = false } else { waiters.removeFirst().resume() }
    }

    private static func open(paths: EnginePaths, threads: Int, lowPriority: Bool) async throws -> (Channel, Info) {
        if let missing = paths.missing() { throw missing }
        struct Ready: Decodable {
            var event: String
            var model: String
            var dimension: Int
            var max_tokens: Int
        }
        let child = Child(
            paths.command(
                "embed.py", ["--model", paths.embedder.path, "--reranker", paths.reranker.path, "--threads", String(threads)],
                lowPriority: lowPriority))
        var reader = ByteReader(child.output)
        guard let line = await reader.line(), let ready = try? JSONDecoder().decode(Ready.self, from: line), ready.event == "ready" else {
            let exit = await child.stop()
            throw LocalModelError(code: "embedder_failed", message: "the embedder did not start: \(exit.lastErrorLine)", hint: "run: make setup")
        }
        return (
            Channel(child: child, reader: reader), Info(model: ready.model, dimension: ready.dimension, maxTokens: ready.max_tokens)
        )
    }
}
