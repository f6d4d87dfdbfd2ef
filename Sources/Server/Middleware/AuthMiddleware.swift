import Hummingbird
import Store

/// Finds out who is asking. What they may do is decided by the contexts.
struct AuthMiddleware: RouterMiddleware {
    let store: Store
    let accounts: Accounts

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        var context = context
        if let token = Self.bearer(request) {
            if token.hasPrefix("minion_") {
                context.identity = try await store.minion(forToken: token).map(Identity.minion)
            } else if let user = try await accounts.user(session: token) {
                context.identity = .person(user, token: token)
            }
        }
        return try await next(request, context)
    }

    static func bearer(_ request: Request) -> String? {
        guard let header = request.headers[.authorization] else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}
