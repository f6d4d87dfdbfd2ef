import Domain
import Foundation
import Knowledge
import Providers
import Store

/// Texts to vectors for a user's collections by a model of one of their providers: along the router, within the
/// limits of user, minion and key, with every upstream call on record.
public struct ProviderEmbedding: Sendable {
    /// Texts a call: what the vendors take whose bounds are tightest.
    private static let batch = 32

    private let store: Store
    private let catalog: ProviderCatalog
    private let router: Router
    private let meter: Meter

    public init(store: Store, catalog: ProviderCatalog, router: Router, meter: Meter) {
        self.store = store
        self.catalog = catalog
        self.router = router
        self.meter = meter
    }

    /// Whose model is asked, and on whose account.
    package struct Account: Sendable {
        var route: ModelRoute
        var userID: String
        /// Counted for it, and asked at its address where it is of the same provider.
        var minionID: String?
        /// Seconds that a refusal which passes by itself may be waited out, each time: an index is in no hurry, a
        /// question is.
        var patience: Double

        package init(route: ModelRoute, userID: String, minionID: String? = nil, patience: Double) {
            self.route = route
            self.userID = userID
            self.minionID = minionID
            self.patience = patience
        }
    }

    /// One vector of length 1 per text, in order.
    /// - Throws: ``LimitExceeded``, `RouterError`, `ProviderError`, `CancellationError`; `KnowledgeError.embedderInvalid`
    ///   where a vector has no direction.
    package func vectors(_ texts: [String], kind: EmbedKind, for account: Account) async throws -> [[Float]] {
        let rows = store.user(account.userID)
        let provider = account.route.provider
        let selection = catalog.standard[provider] == nil ? try await catalog.selection(for: account.userID) : nil
        var router = selection.map(router.with) ?? router
        // The answer's own model may have to be waited for: once is enough.
        if account.patience == 0 { router = router.hasty }
        guard let info = router.registry[provider]?.info, !info.isManaged else {
            throw ProviderError(.unsupported, provider: provider, message: "there is no provider \"\(provider)\" to embed with")
        }
        // A minion that is gone leaves its collection behind.
        let minion: Minion?
        do { minion = try await account.minionID.asyncMap { try await rows.minion($0) } } catch StoreError.notFound { minion = nil }
        let choices = try await ProviderEndpoint.choices(info, rows: rows, baseURL: minion?.provider == provider ? minion?.baseURL : nil)
        let routes = choices.map { choice in
            Route(
                provider: provider, model: account.route.model, endpoint: choice.endpoint, keyID: choice.key?.id, weight: choice.key?.weight ?? 1,
                maxConcurrent: choice.key?.maxConcurrent,
                price: OwnPrices.price(choice.key?.prices ?? [], provider: provider, model: account.route.model))
        }
        var vectors: [[Float]] = []
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            let part = Array(texts[start..<min(texts.count, start + Self.batch)])
            let request = EmbedRequest(model: account.route.model, texts: part, kind: kind)
            vectors += try await patiently(account.patience) {
                try await call(request, routes, router, selection?.prices ?? catalog.prices, user: account.userID, minion: minion)
            }.vectors
        }
        return try vectors.map { try Self.normalised($0, account.route) }
    }

    private func call(
        _ request: EmbedRequest, _ routes: [Route], _ router: Router, _ prices: PriceBook, user: String, minion: Minion?
    ) async throws -> EmbedReply {
        let estimate = request.texts.reduce(0) { $0 + UsageEstimate.tokens(bytes: $1.utf8.count) }
        let admission = try await meter.admit(
            user: user, minion: minion?.id, routes: routes, usage: TokenUsage(input: estimate, output: 0), prices: prices,
            purpose: "embedding")
        let ledger = AttemptLedger(admission)
        defer { meter.settle(admission, ledger.records(minionID: minion?.id, answerID: nil)) }
        return try await router.embed(
            request, routes: routes, spread: minion?.pipeline.spread ?? .weighted, gate: meter.gate(admission)
        ) { ledger.add($0, purpose: "embedding") }
    }

    /// Waits out what passes by itself: a limit per minute, here or at the vendor.
    private func patiently<T>(_ patience: Double, _ body: () async throws -> T) async throws -> T {
        var left = 20
        while true {
            let wait: Double?
            do { return try await body() } catch let error as LimitExceeded {
                wait = error.retryAfter
                guard let wait, wait <= patience, left > 0 else { throw error }
            } catch let error as RouterError {
                let passes = [.budget, .rateLimited, .overloaded, .busy].contains(error.last.kind)
                wait = passes ? error.last.retryAfter : nil
                guard let wait, wait <= patience, left > 0 else { throw error }
            }
            left -= 1
            try await Task.sleep(for: .seconds(max(wait ?? 0, 0.01)))
        }
    }

    private static func normalised(_ vector: [Float], _ route: ModelRoute) throws -> [Float] {
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0, length.isFinite else {
            throw KnowledgeError.embedderInvalid(reason: "\(route.embedderName) returned a vector of length \(length)")
        }
        return vector.map { $0 / length }
    }
}

extension Optional {
    fileprivate func asyncMap<T>(_ body: (Wrapped) async throws -> T) async rethrows -> T? {
        switch self {
        case .some(let value): try await body(value)
        case nil: nil
        }
    }
}
