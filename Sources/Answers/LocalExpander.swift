import Calls
import Domain
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
        var caller: ModelCaller
        var userID: String
        var minionID: String?
    }

    /// - Parameter account: nil counts nothing.
    init(router: Router, server: AdapterServer, account: Account?) {
        self.router = router.single
        self.server = server
        self.account = account
    }

    /// For measuring: counts nothing.
    public init(router: Router, server: AdapterServer) {
        self.init(router: router, server: server, account: nil)
    }

    public func variants(of query: String, limit: Int) async throws -> [String] {
        let request = QueryVariants.request(query, limit: limit, maxTokens: Self.tokens * limit)
        guard let account else { return QueryVariants.read(try await reply(request, user: "") { _ in }, query: query, limit: limit) }
        let calls = try await account.caller.open(
            local: UsageEstimate.input(request) + Self.tokens * limit, user: account.userID, minion: account.minionID, purpose: "expansion")
        let text = try await calls.recording {
            try await reply(request, user: account.userID) { calls.ledger.add($0, purpose: "expansion") }
        }
        return QueryVariants.read(text, query: query, limit: limit)
    }

    private func reply(_ request: ChatRequest, user: String, _ onAttempt: @escaping @Sendable (Attempt) -> Void) async throws -> String {
        try await server.withLease { lease in
            let route = LocalRoute.make(lease, for: user, scale: 0, timeLimit: Self.timeLimit)
            return try await router.complete(request, routes: [route], gate: nil, onAttempt: onAttempt).text
        }
    }
}
