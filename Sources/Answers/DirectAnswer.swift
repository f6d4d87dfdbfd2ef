import Calls
import Domain
import Files
import Foundation
import LocalModels
import Providers
import Store
import Synchronization

/// The fast path of a minion whose mode is `direct`: the caller's messages go to the routed model as
/// they are, behind the minion's system prompt where it has one. No draft, no passages, no row but the
/// usage.
public struct DirectAnswer: Sendable {
    private let store: Store
    private let data: DataDirectory
    private let server: AdapterServer
    private let router: Router
    private let meter: Meter
    private let cache: ResponseCache

    public init(store: Store, data: DataDirectory, server: AdapterServer, router: Router, meter: Meter, cache: ResponseCache) {
        self.store = store
        self.data = data
        self.server = server
        self.router = router
        self.meter = meter
        self.cache = cache
    }

    /// The whole reply.
    /// - Throws: ``RouterError``; `CancellationError` where the calling task is cancelled. What was used
    ///   until then is recorded in every case.
    public func complete(_ snapshot: MinionSnapshot, _ request: ChatRequest, _ admission: Admission) async throws -> ChatReply {
        let ledger = AttemptLedger(admission)
        let router = snapshot.selection.map(router.with) ?? router
        return try await recorded(snapshot, ledger, admission) {
            try await withRoutes(snapshot, router) { routes in
                try await router.complete(
                    prepared(snapshot.minion, request, admission), routes: routes, spread: snapshot.minion.pipeline.spread,
                    gate: meter.gate(admission)
                ) {
                    ledger.add($0, purpose: "answer")
                }
            }
        }
    }

    /// The same with each event as it arrives; what `onEvent` waits for, the vendor waits for. The reply comes when the
    /// last event has been handed on.
    public func stream(
        _ snapshot: MinionSnapshot, _ request: ChatRequest, _ admission: Admission, onEvent: @Sendable (ChatEvent) async -> Void
    ) async throws -> ChatReply {
        let ledger = AttemptLedger(admission)
        let router = snapshot.selection.map(router.with) ?? router
        let hasSpoken = Atomic(false)
        return try await recorded(snapshot, ledger, admission) {
            try await withRoutes(snapshot, router, isSilent: { !hasSpoken.load(ordering: .relaxed) }) { routes in
                let stream = router.chat(
                    prepared(snapshot.minion, request, admission), routes: routes, spread: snapshot.minion.pipeline.spread,
                    gate: meter.gate(admission)
                ) {
                    ledger.add($0, purpose: "answer")
                }
                var collector = ReplyCollector()
                for try await event in stream.events {
                    hasSpoken.store(true, ordering: .relaxed)
                    await onEvent(event)
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
        _ snapshot: MinionSnapshot, _ entry: ResponseCache.Entry, _ question: Question, _ admission: Admission,
        onEvent: @Sendable (ChatEvent) async -> Void
    ) async -> ChatReply? {
        let (at, start) = (Date(), ContinuousClock().now)
        guard var reply: ChatReply = await cache.find(entry) else { return nil }
        let minion = snapshot.minion
        reply.usage = TokenUsage(input: 0, output: 0)
        reply.attempts = []
        let milliseconds = (ContinuousClock().now - start) / .milliseconds(1)
        meter.settle(
            admission, [.cacheHit(minion, answerID: nil, provider: reply.provider, model: reply.model, at: at, milliseconds: milliseconds)])
        if question.stream {
            if !reply.reasoning.isEmpty { await onEvent(.reasoning(reply.reasoning)) }
            if !reply.text.isEmpty { await onEvent(.text(reply.text)) }
            for (index, call) in reply.toolCalls.enumerated() {
                await onEvent(.toolCall(index: index, id: call.id, name: call.name, arguments: call.arguments))
            }
            await onEvent(.finish(reply.finish))
        }
        return reply
    }

    /// The request as the model gets it: what the caller left open is the minion's.
    func prepared(_ minion: Minion, _ request: ChatRequest, _ admission: Admission) -> ChatRequest {
        var request = request
        if !minion.systemPrompt.isEmpty { request.messages.insert(ChatMessage(.system, minion.systemPrompt), at: 0) }
        request.sampling = request.sampling.over(minion.sampling)
        request.sampling.maxTokens = request.sampling.maxTokens ?? admission.longestReply
        return request
    }

    private func withRoutes<T: Sendable>(
        _ snapshot: MinionSnapshot, _ router: Router, isSilent: @Sendable () -> Bool = { true }, _ body: @Sendable ([Route]) async throws -> T
    ) async throws -> T {
        guard snapshot.needsLease else { return try await body(usable(snapshot.resolved, snapshot.minion)) }
        let (minion, scale) = (snapshot.minion, snapshot.minion.pipeline.adapterScale)
        return try await LocalLease.run(server, voice: snapshot.adapter.map { VoiceAdapter($0, data) }, scale: scale, isSilent: isSilent) {
            lease, _, deaths in
            var resolved = try await RouteResolver(store: store, registry: router.registry).resolve(minion, lease: lease, scale: scale)
            // The others were asked before the local server died.
            if deaths > 0 { resolved.routes.removeAll { !(router.registry[$0.provider]?.info.isManaged ?? false) } }
            return try await body(usable(resolved, minion))
        }
    }

    private func usable(_ resolved: RouteResolver.Resolved, _ minion: Minion) throws -> [Route] {
        guard resolved.routes.isEmpty else { return resolved.routes }
        throw RouterError(
            attempts: [], last: resolved.left.first ?? ProviderError(.unsupported, provider: minion.provider, message: "no provider"))
    }

    /// Runs `body` and settles what every attempt used, however it ends: before the reply does.
    private func recorded<T: Sendable>(
        _ snapshot: MinionSnapshot, _ ledger: AttemptLedger, _ admission: Admission, _ body: () async throws -> T
    ) async throws -> T {
        defer { meter.settle(admission, ledger.records(minionID: snapshot.minion.id, answerID: nil)) }
        return try await body()
    }
}
