import Foundation
import LocalModels
import Logging
import Providers
import Store

/// The fast path of a minion whose mode is `direct`: the caller's messages go to the routed model as
/// they are, behind the minion's system prompt where it has one. No draft, no passages, no row but the
/// usage.
public struct DirectAnswer: Sendable {
    private let store: Store
    private let data: DataDirectory
    private let server: AdapterServer
    private let router: Router
    private let cache: ResponseCache
    private let logger: Logger

    public init(store: Store, data: DataDirectory, server: AdapterServer, router: Router, cache: ResponseCache, logger: Logger) {
        self.store = store
        self.data = data
        self.server = server
        self.router = router
        self.cache = cache
        self.logger = logger
    }

    /// The whole reply.
    /// - Throws: ``RouterError``; `CancellationError` where the calling task is cancelled. What was used
    ///   until then is recorded in every case.
    public func complete(_ snapshot: MinionSnapshot, _ request: ChatRequest) async throws -> ChatReply {
        let ledger = AttemptLedger()
        let router = snapshot.selection.map(router.with) ?? router
        return try await recorded(snapshot, ledger) {
            try await withRoutes(snapshot, router) { routes in
                try await router.complete(prepared(snapshot.minion, request), routes: routes, spread: snapshot.minion.spread) {
                    ledger.add($0, purpose: "answer")
                }
            }
        }
    }

    /// The same with each event as it arrives. The reply comes when the last event has been handed on.
    public func stream(
        _ snapshot: MinionSnapshot, _ request: ChatRequest, onEvent: @Sendable (ChatEvent) -> Void
    ) async throws -> ChatReply {
        let ledger = AttemptLedger()
        let router = snapshot.selection.map(router.with) ?? router
        return try await recorded(snapshot, ledger) {
            try await withRoutes(snapshot, router) { routes in
                let stream = router.chat(prepared(snapshot.minion, request), routes: routes, spread: snapshot.minion.spread) {
                    ledger.add($0, purpose: "answer")
                }
                var collector = ReplyCollector()
                for try await event in stream.events {
                    onEvent(event)
                    collector.add(event)
                }
                try Task.checkCancellation()
                return collector.reply(attempts: stream.attempts)
            }
        }
    }

    /// The reply this request was given before, with its use on record; its events go to `onEvent` where it
    /// is streamed.
    func cached(
        _ snapshot: MinionSnapshot, _ entry: ResponseCache.Entry, _ question: Question, onEvent: @Sendable (ChatEvent) -> Void
    ) async -> ChatReply? {
        let (at, start) = (Date(), ContinuousClock().now)
        guard var reply: ChatReply = await cache.find(entry) else { return nil }
        let minion = snapshot.minion
        reply.usage = TokenUsage(input: 0, output: 0)
        reply.attempts = []
        let milliseconds = (ContinuousClock().now - start) / .milliseconds(1)
        do {
            try await store.user(minion.userID).recordUsage([
                .cacheHit(minion, answerID: nil, provider: reply.provider, model: reply.model, at: at, milliseconds: milliseconds)
            ])
        } catch { logger.error("cannot keep the usage of an answer: \(error)") }
        if question.stream {
            if !reply.reasoning.isEmpty { onEvent(.reasoning(reply.reasoning)) }
            if !reply.text.isEmpty { onEvent(.text(reply.text)) }
            for (index, call) in reply.toolCalls.enumerated() {
                onEvent(.toolCall(index: index, id: call.id, name: call.name, arguments: call.arguments))
            }
            onEvent(.finish(reply.finish))
        }
        return reply
    }

    /// The request as the model gets it: what the caller left open is the minion's.
    func prepared(_ minion: Minion, _ request: ChatRequest) -> ChatRequest {
        var request = request
        if !minion.systemPrompt.isEmpty { request.messages.insert(ChatMessage(.system, minion.systemPrompt), at: 0) }
        request.sampling.temperature = request.sampling.temperature ?? minion.sampling.temperature
        request.sampling.topP = request.sampling.topP ?? minion.sampling.topP
        request.sampling.maxTokens = request.sampling.maxTokens ?? minion.sampling.maxTokens
        request.sampling.seed = request.sampling.seed ?? minion.sampling.seed
        return request
    }

    private func withRoutes<T: Sendable>(
        _ snapshot: MinionSnapshot, _ router: Router, _ body: @Sendable ([Route]) async throws -> T
    ) async throws -> T {
        guard snapshot.needsLease else { return try await body(usable(snapshot.resolved, snapshot.minion)) }
        let (lease, _) = try await LocalLease.take(server, data, adapter: snapshot.adapter)
        defer { if let lease { Task { [server] in await server.release(lease) } } }
        let minion = snapshot.minion
        let resolved = try await RouteResolver(store: store, registry: router.registry)
            .resolve(minion, lease: lease, scale: minion.pipeline.adapterScale)
        return try await body(usable(resolved, minion))
    }

    private func usable(_ resolved: RouteResolver.Resolved, _ minion: Minion) throws -> [Route] {
        guard resolved.routes.isEmpty else { return resolved.routes }
        throw RouterError(
            attempts: [], last: resolved.left.first ?? ProviderError(.unsupported, provider: minion.provider, message: "no provider"))
    }

    /// Runs `body` and keeps the usage of every attempt, however it ends.
    private func recorded<T: Sendable>(_ snapshot: MinionSnapshot, _ ledger: AttemptLedger, _ body: () async throws -> T) async throws -> T {
        do {
            let value = try await body()
            await keep(snapshot.minion, ledger)
            return value
        } catch {
            await keep(snapshot.minion, ledger)
            throw error
        }
    }

    /// In a task of its own: a client that left has cancelled this one, and what it used must be counted
    /// all the same.
    private func keep(_ minion: Minion, _ ledger: AttemptLedger) async {
        let records = ledger.records(minionID: minion.id, answerID: nil)
        guard !records.isEmpty else { return }
        let (store, logger) = (store, logger)
        await Task {
            do { try await store.user(minion.userID).recordUsage(records) } catch { logger.error("cannot keep the usage of an answer: \(error)") }
        }.value
    }
}
