import HTTPTypes
import Hummingbird
import Pipeline
import Providers
import Store

/// Finds out who is asking. What they may do is decided by the contexts.
struct AuthMiddleware: RouterMiddleware {
    let accounts: Accounts
    let snapshots: MinionSnapshots

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        var context = context
        if let token = Self.token(request) {
            if token.hasPrefix("minion_") {
                context.identity = try await snapshots.snapshot(forToken: token).map(Identity.minion)
            } else if let user = try await accounts.user(session: token) {
                context.identity = .person(user, token: token)
            }
        } else if let token = SessionCookie.token(request) {
            if SessionCookie.isFromPage(request) {
                if let user = try await accounts.user(session: token) { context.identity = .person(user, token: token) }
            } else {
                context.isCrossSite = true
            }
        }
        return try await Self.acting(context) { try await next(request, $0) }
    }

    /// Runs `body` with the name look-ups counted for the caller, and with the audit log knowing who acts and from where. A minion
    /// token writes nothing that is audited, and its requests are the hot path.
    private static func acting(_ context: AppContext, _ body: (AppContext) async throws -> Response) async throws -> Response {
        let caller: String?
        switch context.identity {
        case .minion(let snapshot): return try await NameLookups.$user.withValue(snapshot.minion.userID) { try await body(context) }
        case .person(let person, _): caller = person.id
        case nil: caller = nil
        }
        return try await AuditActor.$current.withValue(AuditActor(userID: caller, address: context.remoteAddress)) {
            try await NameLookups.$user.withValue(caller) { try await body(context) }
        }
    }

    /// The bearer's token, or below `/v1` the `x-api-key` that Anthropic's clients send.
    static func token(_ request: Request) -> String? {
        bearer(request) ?? (request.uri.path.hasPrefix("/v1/") ? request.headers[apiKey] : nil)
    }

    private static let apiKey = HTTPField.Name("x-api-key")!

    private static func bearer(_ request: Request) -> String? {
        guard let header = request.headers[.authorization] else { return nil }
        if header.utf8.starts(with: "Bearer ".utf8), header.utf8.dropFirst(7).first != UInt8(ascii: " ") { return String(header.dropFirst(7)) }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}
