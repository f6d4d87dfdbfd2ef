import Hummingbird
import Store

/// `/api/me`: the caller's own account, password and sessions.
struct AccountController: Sendable {
    let accounts: Accounts
    /// That of log-ins: a session that was left open must not serve to guess the password.
    let throttle: LoginThrottle

    func routes(_ group: RouterGroup<PersonContext>) {
        group.get { _, context in Response.json(context.caller) }
        group.put("password", use: changePassword)
        group.get("sessions", use: sessions)
        group.delete("sessions", use: endAll)
        group.delete("sessions/{session_id}", use: end)
    }

    /// The session that asks goes on, the person's others end.
    @Sendable func changePassword(_ request: Request, context: PersonContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context, limit: .account)
        let current = fields.required("current_password", length: 1...1000, trim: false)
        let new = AuthController.password(&fields, "new_password")
        // Of the two as they are typed: whether the current one is right is not looked at for it.
        if !current.isEmpty, new == current { fields.fail("new_password", "must be another than current_password") }
        try fields.finish()
        let email = context.caller.email
        try throttle.admit(account: email, from: context.client)
        guard try await accounts.changePassword(of: context.caller, from: current, to: new, keeping: context.token) else {
            try await throttle.noteLockOut(account: email, from: context.client, accounts)
            throw APIError.invalid([.init(field: "current_password", code: "wrong_password", message: "is not your password")])
        }
        throttle.succeeded(account: email, from: context.client.address?.network)
        return .noContent
    }

    @Sendable func sessions(_ request: Request, context: PersonContext) async throws -> Response {
        .json(["items": try await accounts.sessions(of: context.caller.id, current: context.token)])
    }

    @Sendable func end(_ request: Request, context: PersonContext) async throws -> Response {
        try await accounts.endSession(context.parameters.require("session_id"), of: context.caller.id)
        return .noContent
    }

    /// Signs the caller out everywhere, here too.
    @Sendable func endAll(_ request: Request, context: PersonContext) async throws -> Response {
        try await accounts.endSessions(of: context.caller.id)
        return SessionCookie.cleared(.noContent, for: request)
    }
}
