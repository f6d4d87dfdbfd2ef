import Domain
import Providers
import Store

/// The one way to spend: where a model is asked and with which key, whether the limits let it be asked, the calls, and what
/// they used on record.
///
///     targets ─open→ ModelCalls ─complete, chat, embed→ reply ─recording→ usage
///
/// Answers, drafts, paraphrases, vectors, judges and tests of keys all go this way.
public struct ModelCaller: Sendable {
    package let store: Store
    package let catalog: ProviderCatalog
    package let router: Router
    package let meter: Meter

    public init(store: Store, catalog: ProviderCatalog, router: Router, meter: Meter) {
        self.store = store
        self.catalog = catalog
        self.router = router
        self.meter = meter
    }

    /// Whose turn it is to wait where a vendor asks for a pause.
    package enum Patience: Sendable {
        /// Somebody waits for the answer: as the operator allows.
        case caller
        /// Nobody waits.
        case background
        /// The answer can do without.
        case none
    }

    /// Where a minion's models are asked.
    package func targets(of minion: Minion) async throws -> CallTargets {
        let selection = try await catalog.selection(for: minion)
        return CallTargets(
            resolved: try await RouteResolver(store: store, registry: selection?.registry ?? catalog.standard).resolve(minion),
            selection: selection)
    }

    /// Where one model of a user's providers is asked.
    /// - Parameter baseURL: in place of the address on the key.
    /// - Throws: ``ProviderError`` where there is no such provider beyond this server, or no key of it.
    package func targets(of route: ModelRoute, user: String, baseURL: String?) async throws -> CallTargets {
        let selection = catalog.standard[route.provider] == nil ? try await catalog.selection(for: user) : nil
        guard let info = (selection?.registry ?? catalog.standard)[route.provider]?.info, !info.isManaged else {
            throw ProviderError(.unsupported, provider: route.provider, message: "there is no provider \"\(route.provider)\"")
        }
        let routes = try await RouteResolver.routes(route, info, rows: store.user(user), baseURL: baseURL)
        return CallTargets(resolved: RouteResolver.Resolved(routes: routes), selection: selection)
    }

    /// Reserves what the calls of one request may come to, along the dearest of the routes they may take.
    /// - Parameters:
    ///   - usage: of a call.
    ///   - tokens: of the whole request, where more than the call uses any.
    ///   - isOpenEnded: whether nobody has bounded the reply.
    ///   - purpose: of the calls, as their records have it.
    /// - Throws: ``LimitExceeded``.
    package func open(
        _ targets: CallTargets, user: String, minion: String?, usage: TokenUsage, tokens: Int? = nil, isOpenEnded: Bool = false, purpose: String,
        patience: Patience = .caller
    ) async throws -> ModelCalls {
        let admission = try await meter.admit(
            user: user, minion: minion, routes: targets.resolved.routes, isLocalToo: targets.resolved.isLocalToo, usage: usage, tokens: tokens,
            isOpenEnded: isOpenEnded, prices: targets.selection?.prices ?? catalog.prices, purpose: purpose)
        return ModelCalls(meter: meter, router: targets.router(router(patience)), admission: admission)
    }

    /// The same for a model that this server runs: it costs nothing, and its tokens count.
    package func open(local tokens: Int, user: String, minion: String?, purpose: String) async throws -> ModelCalls {
        let admission = try await meter.admit(user: user, minion: minion, tokens: tokens, cost: 0, purpose: purpose)
        return ModelCalls(meter: meter, router: router, admission: admission)
    }

    private func router(_ patience: Patience) -> Router {
        switch patience {
        case .caller: router
        case .background: router.patient
        case .none: router.hasty
        }
    }
}

/// Where the models of one request are asked, and with which keys. Looked up once a request.
package struct CallTargets: Sendable {
    package var resolved: RouteResolver.Resolved
    /// The user's providers, where one that is data is among them.
    package let selection: ProviderCatalog.Selection?

    package init(resolved: RouteResolver.Resolved, selection: ProviderCatalog.Selection?) {
        self.resolved = resolved
        self.selection = selection
    }

    /// With the user's own providers.
    package func router(_ router: Router) -> Router { selection.map(router.with) ?? router }
}

/// The calls of one request, within what was reserved for them.
package final class ModelCalls: Sendable {
    private let meter: Meter
    /// With the user's own providers.
    package let router: Router
    package let admission: Admission
    /// Of every call so far.
    package let ledger: AttemptLedger

    init(meter: Meter, router: Router, admission: Admission) {
        self.meter = meter
        self.router = router
        self.admission = admission
        ledger = AttemptLedger(admission)
    }

    /// Runs `body`; what every call of it used is settled, and safe, before this returns, however it ends.
    /// - Parameters:
    ///   - answerID: of the answer that the calls are part of.
    ///   - purpose: what all calls are recorded as; nil for each call's own.
    package func recording<T>(answerID: String? = nil, as purpose: String? = nil, _ body: () async throws -> T) async throws -> T {
        defer { meter.settle(admission, ledger.records(minionID: admission.minion, answerID: answerID, purpose: purpose)) }
        return try await body()
    }

    /// Ends without a call: the request was answered otherwise.
    package func end(with record: UsageRecord) { meter.settle(admission, [record]) }

    /// The whole reply.
    /// - Throws: ``RouterError``; `CancellationError`.
    package func complete(
        _ request: ChatRequest, routes: [Route], spread: Spread, answerID: String? = nil, purpose: String? = nil
    ) async throws -> ChatReply {
        try await router.complete(request, routes: routes, spread: spread, gate: meter.gate(admission, answerID: answerID), onAttempt: note(purpose))
    }

    /// The reply as it comes.
    package func chat(
        _ request: ChatRequest, routes: [Route], spread: Spread, answerID: String? = nil, purpose: String? = nil
    ) -> RoutedStream {
        router.chat(request, routes: routes, spread: spread, gate: meter.gate(admission, answerID: answerID), onAttempt: note(purpose))
    }

    /// - Throws: ``RouterError``; `CancellationError`.
    package func embed(_ request: EmbedRequest, routes: [Route], spread: Spread) async throws -> EmbedReply {
        try await router.embed(request, routes: routes, spread: spread, gate: meter.gate(admission), onAttempt: note(nil))
    }

    /// Lets one call through that the router does not make, and has it in the journal.
    /// - Throws: ``ProviderError`` of kind `.budget`.
    package func pass(_ route: Route) throws { try meter.gate(admission)(route) }

    private func note(_ purpose: String?) -> @Sendable (Attempt) -> Void {
        { [ledger, admission] in ledger.add($0, purpose: purpose ?? admission.purpose) }
    }
}
