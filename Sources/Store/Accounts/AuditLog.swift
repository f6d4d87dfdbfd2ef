import Crypto
import Domain
import Foundation

/// What can be done to leave an entry in the audit log.
public enum AuditAction: String, Sendable, CaseIterable {
    case userCreate = "user.create"
    case userRegister = "user.register"
    case userOpen = "user.open"
    case userClose = "user.close"
    case logIn = "user.login"
    case logInFailed = "user.login_failed"
    case lockedOut = "user.locked_out"
    case logOut = "user.logout"
    case passwordChange = "user.password"
    case passwordFailed = "user.password_failed"
    case sessionEnd = "session.end"
    case sessionEndAll = "session.end_all"
    case adminRead = "admin.read"
    case minionCreate = "minion.create"
    case minionUpdate = "minion.update"
    case minionDelete = "minion.delete"
    case minionToken = "minion.token"
    case keyCreate = "provider_key.create"
    case keyUpdate = "provider_key.update"
    case keyDelete = "provider_key.delete"
    case keyTest = "provider_key.test"
    case keysRotate = "keys.rotate"
    case definitionCreate = "provider_definition.create"
    case definitionUpdate = "provider_definition.update"
    case definitionDelete = "provider_definition.delete"
    case webhookCreate = "webhook.create"
    case webhookUpdate = "webhook.update"
    case webhookDelete = "webhook.delete"
    case webhookSecret = "webhook.secret"
    case webhookTest = "webhook.test"
    case webhookRedeliver = "webhook.redeliver"
    case datasetCreate = "dataset.create"
    case datasetUpdate = "dataset.update"
    case datasetContent = "dataset.content"
    case datasetDelete = "dataset.delete"
    case datasetExport = "dataset.export"
    case jobCreate = "job.create"
    case jobUpdate = "job.update"
    case jobDelete = "job.delete"
    case jobStart = "job.start"
    case jobRestart = "job.restart"
    case jobStop = "job.stop"
    case collectionDelete = "collection.delete"
    case releasePromote = "release.promote"
    case releaseRollback = "release.rollback"
    case releaseCanary = "release.canary"
    case releaseCanaryEnd = "release.canary_end"
    case releaseExport = "release.export"
    case releaseImport = "release.import"
    case adapterImport = "adapter.import"
    case adapterExport = "adapter.export"
    case limitsSet = "limits.set"
}

/// On whose behalf the current task writes. It is set once, where a request or a command begins; every transaction
/// of the task then knows it, so no method has to be handed it and none can lose it.
public struct AuditActor: Sendable, Equatable {
    @TaskLocal public static var current: AuditActor?

    /// Nil where nobody is signed in, and for a command.
    public var userID: String?
    /// The client's address, or `command:` and the system's name of the operator.
    public var address: String?

    public init(userID: String?, address: String?) {
        self.userID = userID
        self.address = address
    }

    /// An operator at the command line.
    public static var command: AuditActor { AuditActor(userID: nil, address: "command:\(NSUserName())") }
}

/// Who did what to whom; append-only. Methods that write rows add their entry in the same transaction
/// (``Connection/audit(_:target:of:by:_:)``), so that neither can exist without the other.
public struct AuditLog: Sendable {
    let database: any Database

    /// For what writes no row, such as an export.
    public func record(_ action: AuditAction, target: String?, of user: String? = nil, _ detail: [String: String] = [:]) async throws {
        try await database.write(.rowLocks) { try $0.audit(action, target: target, of: user, detail) }
    }

    /// What a superuser reads of somebody else's: one entry an hour for each path.
    /// - Parameters:
    ///   - user: whose rows; nil where they are everybody's.
    ///   - path: of the request, without its query.
    public func recordRead(of user: String?, path: String) async throws {
        try await database.write(.rowLocks) { try $0.auditRepeated(.adminRead, of: user, within: 3600, ["path": path]) }
    }

    /// Newest first.
    public func entries(_ page: PageRequest = .first, _ filter: AuditFilter = .init()) async throws -> Page<AuditEntry> {
        let (condition, parameters) = filter.sql()
        return try await database.read { try page.page($0, from: "audit_log", where: condition, parameters, decode: AuditEntry.init) }
    }

    /// Deletes what is older than `date`, a thousand entries at a time, so that nobody waits long for the writer.
    public func sweep(before date: Date) async throws {
        while !Task.isCancelled {
            let deleted = try await database.write(.rowLocks) { connection in
                try connection.query(
                    "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < $1 ORDER BY at LIMIT 1000) RETURNING id", SQLValue(date))
            }
            if deleted.count < 1000 { return }
        }
    }
}

/// Which entries of the audit log; what is nil leaves all.
public struct AuditFilter: Sendable {
    /// Who acted.
    public var actorID: String?
    /// Whose rows it was about.
    public var userID: String?
    /// An action, or the first word of several: `webhook` for all of `webhook.…`.
    public var action: String?
    public var from: Date?
    /// Exclusive.
    public var to: Date?

    public init() {}

    fileprivate func sql() -> (condition: String, parameters: [SQLValue]) {
        var conditions = ["1 = 1"]
        var parameters: [SQLValue] = []
        func add(_ value: SQLValue, _ condition: (String) -> String) {
            parameters.append(value)
            conditions.append(condition("$\(parameters.count)"))
        }
        if let actorID { add(.text(actorID)) { "actor_id = \($0)" } }
        if let userID { add(.text(userID)) { "user_id = \($0)" } }
        if let action, action.contains(".") {
            add(.text(action)) { "action = \($0)" }
        } else if let action {
            // The character behind the full stop ends the range.
            add(.text("\(action).")) { "action >= \($0)" }
            add(.text("\(action)/")) { "action < \($0)" }
        }
        if let from { add(SQLValue(from)) { "at >= \($0)" } }
        if let to { add(SQLValue(to)) { "at < \($0)" } }
        return (conditions.joined(separator: " AND "), parameters)
    }
}

/// One line of the audit log.
public struct AuditEntry: Sendable, Encodable, Identifiable {
    public var id: String
    /// The first time, where ``times`` is more than 1.
    public var at: Date
    public var actorID: String?
    /// The client's address, or `command:` and the operator's name; nil for what the server did by itself.
    public var address: String?
    public var action: String
    public var target: String?
    /// Whose rows it was about.
    public var userID: String?
    public var detail: [String: String]
    /// How often, for what is counted instead of repeated: failed log-ins by the minute, reading by the hour.
    public var times: Int

    init(row: Row) throws {
        id = try row.text("id")
        at = try row.date("at")
        actorID = try row.optionalText("actor_id")
        address = try row.optionalText("address")
        action = try row.text("action")
        target = try row.optionalText("target")
        userID = try row.optionalText("user_id")
        detail = try row.json("detail")
        times = try row.int("times")
    }

    /// Scheme, host and port of an address: where it leads, without what may be a secret in its path or query.
    static func origin(_ url: String?) -> String {
        guard let url, let parts = URLComponents(string: url), let scheme = parts.scheme, let host = parts.host else { return "" }
        return "\(scheme)://\(host)" + (parts.port.map { ":\($0)" } ?? "")
    }
}

extension Connection {
    /// Adds an entry in this transaction. What users wrote does not belong into it: it stays when their rows are deleted.
    /// - Parameters:
    ///   - target: the id of what was changed.
    ///   - user: whose it is.
    ///   - actor: who acts, where that is not the task's ``AuditActor``: somebody who signs in just now.
    ///   - detail: no secrets; values are cut at 200 characters.
    func audit(_ action: AuditAction, target: String?, of user: String? = nil, by actor: String? = nil, _ detail: [String: String] = [:]) throws {
        try insert(id: RowID.make("aud"), action, target, user, actor, detail)
    }

    /// Adds an entry, or counts one that is alike and of the same `window`. For what a stranger can cause as often as they like.
    /// - Parameters:
    ///   - window: in seconds.
    ///   - most: how many of the action a window has; what comes beyond is counted in one entry without address and user.
    func auditRepeated(
        _ action: AuditAction, target: String? = nil, of user: String? = nil, within window: Int, most: Int = .max, now: Date = Date(),
        _ detail: [String: String] = [:]
    ) throws {
        let begin = Date(milliseconds: now.milliseconds / Int64(window * 1000) * Int64(window * 1000))
        // Ids begin with their time, so those of a window lie side by side.
        let prefix = String(RowID.make("aud", at: begin).prefix(16))
        let detail = Self.bounded(detail)
        let key =
            [action.rawValue, actor?.userID ?? "", actor?.address ?? "", target ?? "", user ?? ""] + detail.sorted { $0.key < $1.key }.map(\.value)
        let id = prefix + Self.digest(key)
        if try count(id) { return }
        if most < .max {
            let others = try query(
                "SELECT COUNT(*) AS n FROM audit_log WHERE id >= $1 AND id < $2 AND action = $3", .text(prefix), .text(prefix + "g"),
                .text(action.rawValue))[0].int("n")
            guard others < most else {
                return try insert(id: prefix + Self.digest([action.rawValue]), action, nil, nil, nil, [:], address: "many", at: now)
            }
        }
        try insert(id: id, action, target, user, nil, detail, at: now)
    }

    /// - Returns: whether the entry was there.
    private func count(_ id: String) throws -> Bool {
        try !query("UPDATE audit_log SET times = times + 1 WHERE id = $1 RETURNING id", .text(id)).isEmpty
    }

    private func insert(
        id: String, _ action: AuditAction, _ target: String?, _ user: String?, _ other: String?, _ detail: [String: String],
        address: String? = nil, at now: Date = Date()
    ) throws {
        try query(
            """
            INSERT INTO audit_log (id, at, actor_id, address, action, target, user_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (id) DO UPDATE SET times = audit_log.times + 1
            """,
            .text(id), SQLValue(now), SQLValue(address == nil ? other ?? actor?.userID : nil), SQLValue(address ?? actor?.address),
            .text(action.rawValue), SQLValue(target), SQLValue(user), SQLValue(json: Self.bounded(detail)))
    }

    private static func bounded(_ detail: [String: String]) -> [String: String] { detail.mapValues { String($0.prefix(200)) } }

    private static func digest(_ parts: [String]) -> String {
        String(SHA256.hash(data: Data(parts.joined(separator: "\0").utf8)).hex.prefix(20))
    }
}

extension Store {
    public var audit: AuditLog { AuditLog(database: database) }
}
