import Hummingbird
import Store

/// `/api/admin`, for superusers.
struct AdminController: Sendable {
    let store: Store
    let accounts: Accounts

    func routes(_ group: RouterGroup<AdminContext>) {
        group.get("users", use: users)
        group.put("users/{user_id}", use: update)
        group.get("audit-log", use: audit)
    }

    @Sendable func users(_ request: Request, context: AdminContext) async throws -> Response {
        .json(try await accounts.users(.from(request)))
    }

    /// Closes or opens an account; closing ends its sessions and its minions' tokens at once.
    @Sendable func update(_ request: Request, context: AdminContext) async throws -> Response {
        let id = try context.parameters.require("user_id")
        var fields = try await RequestFields(request, context: context)
        let isActive = fields.bool("is_active")
        if !fields.has("is_active") { fields.fail("is_active", "is required") }
        if isActive == false, id == context.caller.id { fields.fail("is_active", "you cannot close your own account") }
        try fields.finish()
        let user = try await accounts.setActive(isActive ?? true, user: id)
        try await store.audit.record(actor: context.caller.id, action: user.isActive ? "user.open" : "user.close", target: id)
        return .json(user)
    }

    @Sendable func audit(_ request: Request, context: AdminContext) async throws -> Response {
        .json(try await store.audit.entries(.from(request)))
    }
}
