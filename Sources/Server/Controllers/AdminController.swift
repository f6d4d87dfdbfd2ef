import Foundation
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
        return .json(user)
    }

    @Sendable func audit(_ request: Request, context: AdminContext) async throws -> Response {
        .json(try await store.audit.entries(.from(request), Self.filter(request)))
    }

    /// `?actor=&user=&action=&from=&to=`
    private static func filter(_ request: Request) throws -> AuditFilter {
        func text(_ name: String) -> String? { request.uri.queryParameters[Substring(name)].map(String.init).flatMap { $0.isEmpty ? nil : $0 } }
        var problems: [APIError.Detail] = []
        func time(_ name: String, isEnd: Bool) -> Date? {
            guard let value = text(name) else { return nil }
            let date = UsageQueryParameters.date(value, offset: 0, isEnd: isEnd)
            if date == nil {
                problems.append(.init(field: name, code: "invalid", message: "must be a day (2026-11-23) or a time (2026-11-23T16:44:04Z)"))
            }
            return date
        }
        var filter = AuditFilter()
        (filter.actorID, filter.userID, filter.action) = (text("actor"), text("user"), text("action"))
        (filter.from, filter.to) = (time("from", isEnd: false), time("to", isEnd: true))
        let words = Set(AuditAction.allCases.map { String($0.rawValue.prefix { $0 != "." }) })
        if let action = filter.action, AuditAction(rawValue: action) == nil, !words.contains(action) {
            problems.append(
                .init(
                    field: "action", code: "invalid", message: "\"\(action.prefix(40))\" is not an action",
                    hint: "one such as minion.update, or the first word of several: \(words.sorted().joined(separator: ", "))"))
        }
        if !problems.isEmpty { throw APIError.invalid(problems) }
        return filter
    }
}
