import Calls
import Foundation
import Knowledge
import LocalModels
import Providers

/// Other forms of a question, by the local model without any adapter.
public struct LocalExpander: QueryExpander {
    /// A model that takes longer is not waited for; the question is searched as it is.
    static let timeLimit: Duration = .seconds(20)
    /// Bound of one form, in tokens.
    private static let tokens = 32

    private let router: Router
    private let server: AdapterServer
    private let account: Account?

    /// On whose account it is counted.
    struct Account: Sendable {
        var meter: Meter
        var userID: String
        var minionID: String?
    }

    /// - Parameter account: nil counts nothing.
    init(router: Router, server: AdapterServer, account: Account?) {
        // A late form is given up, not asked for again.
        self.router = Router(registry: router.registry, prices: router.prices, retry: .never, health: router.health)
        self.server = server
        self.account = account
    }

    /// For measuring: counts nothing.
    public init(router: Router, server: AdapterServer) {
        self.init(router: router, server: server, account: nil)
    }

    public func variants(of query: String, limit: Int) async throws -> [String] {
        let request = QueryVariants.request(query, limit: limit, maxTokens: Self.tokens * limit)
        let admission = try await account.flatMapAsync {
            try await $0.meter.admit(
                user: $0.userID, minion: $0.minionID, tokens: UsageEstimate.input(request) + Self.tokens * limit, cost: 0)
        }
        let ledger = AttemptLedger(admission)
        defer { if let account, let admission { account.meter.settle(admission, ledger.records(minionID: account.minionID, answerID: nil)) } }
        let reply = try await server.withLease { lease in
            let route = LocalRoute.make(lease, for: account?.userID ?? "", scale: 0, timeLimit: Self.timeLimit)
            return try await router.complete(request, routes: [route], onAttempt: { ledger.add($0, purpose: "expansion") })
        }
        return QueryVariants.read(reply.text, query: query, limit: limit)
    }
}

extension Optional {
    fileprivate func flatMapAsync<T>(_ body: (Wrapped) async throws -> T) async rethrows -> T? {
        switch self {
        case .some(let value): try await body(value)
        case nil: nil
        }
    }
}
