import Calls
import HTTPTypes
import Hummingbird
import Providers
import Store

/// Finds out who is asking. What they may do is decided by the contexts.
struct AuthMiddleware: RouterMiddleware {
    let accounts: Accounts
    let snapshots: MinionSnapshots

    func handle(_ request: Request, context: AppContext, next: (Request, AppContext) async throws -> Response) async throws -> Response {
        // They answer at once also while the database is away, and look for themselves who asks.
        if Self.anonymous.contains(request.uri.path) { return try await next(request, context) }
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
        return try await Self.acting(request, context) { try await next(request, $0) }
    }

    /// Runs `body` with the name look-ups counted for the caller, and with the audit log knowing who acts and from where. A minion
    /// token writes nothing that is audited, and its requests are the hot path.
    private static func acting(_ request: Request, _ context: AppContext, _ body: (AppContext) async throws -> Response) async throws -> Response {
        let caller: String?
        switch context.identity {
        case .minion(let snapshot): return try await NameLookups.$user.withValue(snapshot.minion.userID) { try await body(context) }
        case .person(let person, _): caller = person.id
        case nil: caller = nil
        }
        return try await AuditActor.$current.withValue(AuditActor(userID: caller, address: context.remoteAddress)) {
            try await NameLookups.$user.withValue(caller) {
                try await DiskReserve.$isOffered.withValue(isNeededOnFullDisk(request)) { try await body(context) }
            }
        }
    }

    /// What makes room on a full disk, and what somebody needs to get to it: deletions, the end of a job, signing in and out.
    private static func isNeededOnFullDisk(_ request: Request) -> Bool {
        switch request.method {
        case .delete: true
        case .post: needed.contains(request.uri.path) || (request.uri.path.hasPrefix("/api/users/") && request.uri.path.hasSuffix("/stop"))
        default: false
        }
    }

    private static let needed: Set<String> = ["/api/auth/login", "/api/auth/link", "/api/auth/logout"]

    private static let anonymous: Set<String> = ["/health", "/ready", "/metrics", "/openapi.json"]

    /// The session a request comes with, of the bearer or of the page.
    static func session(_ request: Request) -> String? {
        token(request) ?? (SessionCookie.isFromPage(request) ? SessionCookie.token(request) : nil)
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
