import Foundation
import HTTPTypes
import Hummingbird
import Store

/// Register, log in, log out.
struct AuthController: Sendable {
    let accounts: Accounts
    let throttle: LoginThrottle
    /// Registrations are counted apart: they must not lock an address out of its accounts.
    let registrations: LoginThrottle
    let links: SignInLinks
    let settings: Settings

    private struct SignedIn: Encodable {
        /// Absent where it is in a cookie, where no script reads it.
        var token: String?
        var expiresAt: Date
        var user: User
    }

    func routes(_ group: RouterGroup<AppContext>) {
        group.post("register", use: register)
        group.post("login", use: login)
        group.post("link", use: link)
        group.group(context: PersonContext.self).post("logout", use: logout)
    }

    @Sendable func register(_ request: Request, context: AppContext) async throws -> Response {
        guard isRegistrationOpen(context.client) else {
            throw APIError(status: .forbidden, code: "registration_closed", message: "registration is closed here: ask the operator for an account")
        }
        var fields = try await RequestFields(request, context: context, limit: .account)
        let email = fields.required("email", length: 3...254)
        let name = fields.name("name", length: 1...100)
        let password = Self.password(&fields)
        let wantsCookie = fields.bool("cookie") ?? false
        if !email.isEmpty, !User.isAddress(email) { fields.fail("email", "is not an e-mail address") }
        try fields.finish()
        try Self.check(wantsCookie, request)
        // Each registration costs a scrypt.
        try registrations.admit(account: email, from: context.client)
        let user = try await accounts.create(
            email: email, name: name ?? String(email.prefix { $0 != "@" }), password: password, action: .userRegister)
        return try await signedIn(user, by: "registration", request, context, cookie: wantsCookie, status: .created)
    }

    @Sendable func login(_ request: Request, context: AppContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context, limit: .account)
        let email = fields.required("email", length: 1...254)
        let password = fields.required("password", length: 1...1000, trim: false)
        let wantsCookie = fields.bool("cookie") ?? false
        try fields.finish()
        try Self.check(wantsCookie, request)
        try throttle.admit(account: email, from: context.client)
        guard
            let (user, session) = try await accounts.logIn(
                email: email, password: password, lifetime: .seconds(lifetime), ip: context.remoteAddress, agent: request.headers[.userAgent])
        else {
            try await throttle.noteLockOut(account: email, from: context.client, accounts)
            // One answer for an unknown address, a wrong password and a closed account.
            throw APIError(status: .unauthorized, code: "login_failed", message: "the address or the password is wrong")
        }
        throttle.succeeded(account: email, from: context.client.address?.network)
        return reply(user, session, request, cookie: wantsCookie)
    }

    /// Signs in whom a one-time link was made for.
    @Sendable func link(_ request: Request, context: AppContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context, limit: .account)
        let code = fields.required("code", length: 1...200)
        let wantsCookie = fields.bool("cookie") ?? false
        try fields.finish()
        try Self.check(wantsCookie, request)
        guard let id = links.redeem(code), let user = try await accounts.user(id), user.isActive else {
            throw APIError(
                status: .unauthorized, code: "login_failed", message: "this sign-in link has been used or is too old: sign in with your password")
        }
        return try await signedIn(user, by: "link", request, context, cookie: wantsCookie)
    }

    @Sendable func logout(_ request: Request, context: PersonContext) async throws -> Response {
        try await accounts.closeSession(context.token)
        return SessionCookie.cleared(.noContent, for: request)
    }

    /// A cookie is given to the page alone: else another site could sign its visitor in as somebody else.
    private static func check(_ wantsCookie: Bool, _ request: Request) throws {
        if wantsCookie, !SessionCookie.isFromPage(request) { throw APIError.crossSite }
    }

    private func signedIn(
        _ user: User, by method: String, _ request: Request, _ context: AppContext, cookie: Bool, status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let session = try await accounts.openSession(
            user: user.id, method: method, lifetime: .seconds(lifetime), ip: context.remoteAddress, agent: request.headers[.userAgent])
        return reply(user, session, request, cookie: cookie, status: status)
    }

    private func reply(_ user: User, _ session: OpenedSession, _ request: Request, cookie: Bool, status: HTTPResponse.Status = .ok) -> Response {
        var response = Response.json(SignedIn(token: cookie ? nil : session.token, expiresAt: session.expiresAt, user: user), status: status)
        if cookie {
            for value in SessionCookie.set(session.token, lifetime: lifetime, for: request) {
                response.headers.append(.init(name: .setCookie, value: value))
            }
        }
        return response
    }

    /// Of a session, in seconds.
    private var lifetime: Int { settings.sessionHours * 3600 }

    private func isRegistrationOpen(_ client: ClientAddress) -> Bool {
        settings.registration.map { $0 == "open" } ?? (settings.servesThisMachineOnly && client.isLocal)
    }

    static func password(_ fields: inout RequestFields, _ name: String = "password") -> String {
        fields.required(name, length: 10...1000, trim: false)
    }
}

extension LoginThrottle {
    /// Counts a try before it is made.
    /// - Throws: ``APIError``, a 429, where it may not be made yet.
    func admit(account: String, from client: ClientAddress) throws {
        guard let wait = begin(account: account, from: client.address?.network) else { return }
        throw APIError(
            status: .tooManyRequests, code: "too_many_attempts", message: "too many attempts: try again in \(wait) s", retryAfter: wait)
    }

    /// Keeps for the audit log that a failure has locked the account or the network out. Tries that are refused meanwhile
    /// leave no entry: they cost their sender nothing.
    func noteLockOut(account: String, from client: ClientAddress, _ accounts: Accounts) async throws {
        if let wait = lockOut(account: account, from: client.address?.network) { try await accounts.noteLockOut(email: account, seconds: wait) }
    }
}
