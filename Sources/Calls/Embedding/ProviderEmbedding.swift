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

    private let caller: ModelCaller

    public init(caller: ModelCaller) { self.caller = caller }

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
        // A minion that is gone leaves its collection behind.
        let minion: Minion?
        do { minion = try await account.minionID.asyncMap { try await caller.store.user(account.userID).minion($0) } } catch StoreError.notFound {
            minion = nil
        }
        let targets = try await caller.targets(
            of: account.route, user: account.userID, baseURL: minion?.provider == account.route.provider ? minion?.baseURL : nil)
        var vectors: [[Float]] = []
        for start in stride(from: 0, to: texts.count, by: Self.batch) {
            let part = Array(texts[start..<min(texts.count, start + Self.batch)])
            let request = EmbedRequest(model: account.route.model, texts: part, kind: kind)
            vectors += try await patiently(account.patience) {
                // The answer's own model may have to be waited for: once is enough.
                try await Self.call(
                    request, targets, user: account.userID, minion: minion, caller, patience: account.patience == 0 ? .none : .caller)
            }.reply.vectors
        }
        return try vectors.map { try Self.normalised($0, account.route) }
    }

    /// One call along the router.
    /// - Returns: the vectors, and the rate headers of a reply with them.
    static func call(
        _ request: EmbedRequest, _ targets: CallTargets, user: String, minion: Minion?, _ caller: ModelCaller, patience: ModelCaller.Patience
    ) async throws -> (reply: EmbedReply, tokens: Int, headers: [(String, String)]) {
        let estimate = request.texts.reduce(0) { $0 + UsageEstimate.tokens(bytes: $1.utf8.count) }
        let calls = try await caller.open(
            targets, user: user, minion: minion?.id, usage: TokenUsage(input: estimate, output: 0), purpose: "embedding", patience: patience)
        let reply = try await calls.recording {
            try await calls.embed(request, routes: targets.resolved.routes, spread: minion?.pipeline.spread ?? .weighted)
        }
        return (reply, reply.usage?.input ?? estimate, calls.admission.headers)
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
