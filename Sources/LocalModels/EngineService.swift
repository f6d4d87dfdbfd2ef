import Foundation
import Logging

/// A script of the engine that answers each JSON line with one, in order, as a supervised child. One
/// request at a time; a child that dies is started again for the next request.
actor EngineService {
    /// What it is called in messages (`the embedder`), and what its failures are.
    struct Name: Sendable {
        var words: String
        /// It does not start.
        var failed: LocalModelError.Code
        /// It was ended, by itself or by somebody, as it was not to be.
        var died: LocalModelError.Code
    }

    private struct Channel {
        var child: Child
        var reader: ByteReader
    }

    private struct Envelope: Decodable {
        struct Failure: Decodable {
            var code: String
            var message: String
            var hint: String?
        }
        var id: Int?
        var event: String?
        /// Of an `error` in place of `ready`.
        var message: String?
        var bytes: Int?
        var error: Failure?
    }

    /// Bytes behind one reply: half a million vectors of the default embedder.
    private static let mostPayload = 1 << 30

    private let name: Name
    private let sendsPayload: Bool
    private let endsWithCaller: Bool
    private let launch: @Sendable () throws -> ChildCommand
    private let logger: Logger
    private var channel: Channel?
    private var nextID = 1
    /// Actors are re-entrant at every await; requests on one pipe must not be.
    private let turns: FairGate

    private init(
        name: Name, sendsPayload: Bool, endsWithCaller: Bool, logger: Logger, channel: Channel, launch: @Sendable @escaping () throws -> ChildCommand
    ) {
        self.name = name
        self.sendsPayload = sendsPayload
        self.endsWithCaller = endsWithCaller
        turns = FairGate(name.words, places: 1, mostWaiting: .max)
        self.launch = launch
        self.logger = logger
        self.channel = channel
    }

    /// Starts the child and waits until it is ready.
    /// - Parameters:
    ///   - sendsPayload: whether `bytes` of a reply announces so many raw bytes behind it.
    ///   - endsWithCaller: whether the child is ended when the caller of a request is cancelled: for long ones.
    /// - Returns: the service, and the line it said that it is ready with.
    static func start(
        _ name: Name, sendsPayload: Bool = false, endsWithCaller: Bool = false, logger: Logger, launch: @Sendable @escaping () throws -> ChildCommand
    ) async throws -> (EngineService, ready: Data) {
        let (channel, ready) = try await open(name, launch)
        return (
            EngineService(name: name, sendsPayload: sendsPayload, endsWithCaller: endsWithCaller, logger: logger, channel: channel, launch: launch),
            ready
        )
    }

    /// Sends one request and waits for its reply.
    /// - Parameters:
    ///   - limit: a child that has not answered by then is ended; nil waits for ever.
    ///   - encode: the request's line, for the id it gets.
    ///   - after: called when the child is done with the request, with its reply, or nil where there is none.
    /// - Throws: ``LocalModelError`` with the script's own code, or ``Name/died`` where the child ended instead of answering;
    ///   `CancellationError`.
    func ask(
        within limit: Duration? = nil, _ encode: @Sendable (Int) throws -> Data, after: @Sendable (Int, Data?) throws -> Void = { _, _ in }
    ) async throws -> (line: Data, payload: Data?) {
        let turn = try await turns.enter("")
        defer { turn.leave() }
        try Task.checkCancellation()
        if channel == nil {
            logger.notice("starting \(name.words) again")
            channel = try await Self.open(name, launch).0
        }
        let id = nextID
        nextID += 1
        var line: Data?
        do {
            let request = try encode(id)
            // In a task of its own: a caller that is cancelled must not leave half a reply in the pipe.
            let reply = try await value(of: Task { try await exchange(id, request, within: limit) })
            line = reply.line
            try after(id, line)
            return reply
        } catch {
            if line == nil { try after(id, nil) }
            throw error
        }
    }

    /// What a request comes to; where the child ends with its caller, it does when the calling task is cancelled.
    private func value(of task: Task<(line: Data, payload: Data?), any Error>) async throws -> (line: Data, payload: Data?) {
        guard endsWithCaller, let child = channel?.child else { return try await task.value }
        return try await withTaskCancellationHandler {
            do { return try await task.value } catch {
                try Task.checkCancellation()
                throw error
            }
        } onCancel: {
            Task { await child.stop() }
        }
    }

    func stop() async {
        await channel?.child.stop()
        channel = nil
    }

    /// For tests that kill it.
    var processID: Int32? { channel?.child.processID }

    private func exchange(_ id: Int, _ request: Data, within limit: Duration?) async throws -> (line: Data, payload: Data?) {
        guard var current = channel else { throw LocalModelError(code: .engineStopped, message: "\(name.words) was stopped") }
        current.child.write(request + [0x0A])
        let deadline = limit.map { limit in
            Task { [child = current.child] in
                try await Task.sleep(for: limit)
                await child.stop()
            }
        }
        defer { deadline?.cancel() }
        guard let line = await current.reader.line(), let reply = try? JSONDecoder().decode(Envelope.self, from: line), reply.id == id else {
            throw await died(current.child)
        }
        var payload: Data?
        if sendsPayload, let count = reply.bytes {
            guard (0...Self.mostPayload).contains(count) else { throw await died(current.child) }
            payload = await current.reader.bytes(count)
            if payload == nil { throw await died(current.child) }
        }
        channel = current
        if let failure = reply.error { throw LocalModelError(said: failure.code, failure.message, hint: failure.hint) }
        return (line, payload)
    }

    private func died(_ child: Child) async -> LocalModelError {
        let exit = await child.stop()
        channel = nil
        return LocalModelError(
            code: name.died, message: "\(name.words) ended in the middle of a request: \(exit.lastErrorLine)",
            hint: "it is started again for the next request")
    }

    private static func open(_ name: Name, _ launch: @Sendable () throws -> ChildCommand) async throws -> (Channel, Data) {
        let child = Child(try launch())
        var reader = ByteReader(child.output)
        let line = await reader.line()
        let said = line.flatMap { try? JSONDecoder().decode(Envelope.self, from: $0) }
        guard let line, said?.event == "ready" else {
            let exit = await child.stop()
            // One that a signal ended may start the next time.
            throw LocalModelError(
                code: exit.isKilled ? name.died : name.failed, message: "\(name.words) did not start: \(said?.message ?? exit.lastErrorLine)",
                hint: "run: make setup")
        }
        return (Channel(child: child, reader: reader), line)
    }
}
