import Foundation

/// Who did what to whom; append-only.
public struct AuditLog: Sendable {
    let database: any Database

    public func record(actor: String?, action: String, target: String?, detail: [String: String] = [:]) async throws {
        try await database.write { connection in
            try connection.query(
                "INSERT INTO audit_log (id, at, actor_id, action, target, detail) VALUES ($1, $2, $3, $4, $5, $6)",
                .text(RowID.make("aud")), SQLValue(Date()), SQLValue(actor), .text(action), SQLValue(target), SQLValue(json: detail))
        }
    }

    public func entries(_ page: PageRequest = .first) async throws -> Page<AuditEntry> {
        try await database.read { try page.page($0, from: "audit_log", where: "1 = 1", [], decode: AuditEntry.init) }
    }
}

/// One line of the audit log.
public struct AuditEntry: Sendable, Encodable, Identifiable {
    public var id: String
    public var at: Date
    public var actorID: String?
    public var action: String
    public var target: String?
    public var detail: [String: String]

    init(row: Row) throws {
        id = try row.text("id")
        at = try row.date("at")
        actorID = try row.optionalText("actor_id")
        action = try row.text("action")
        target = try row.optionalText("target")
        detail = try row.json("detail")
    }
}
