/// Tells ``StoreChanges`` of every committed transaction that wrote to a table a request depends on.
/// It looks at the statements themselves, so that no method that writes can forget to say so.
struct ObservedDatabase: Database {
    /// Tables that grow while requests are served and that no request is decided by. Every other one
    /// counts, so a new table is safe before anybody thinks of this list.
    static let uncounted: Set<Substring> = [
        "sessions", "user_training_datasets", "dataset_versions", "external_training_jobs", "training_job_datasets", "job_events", "job_turns",
        "job_stages",
        "workers", "answers",
        "usage_records",
        "idempotency_keys", "audit_log", "response_cache", "release_events", "canary_arms", "job_inputs", "webhooks", "webhook_deliveries",
        "paraphrases", "installation",
    ]

    /// What is told to other processes that share the database, with this process's name and the user.
    static let topic = "changes"

    let base: any Database
    let changes: StoreChanges
    /// Whose rows are written; nil where they may be anybody's.
    var user: String?

    /// The same database, for writes to one user's rows alone.
    func scoped(to user: String) -> ObservedDatabase { ObservedDatabase(base: base, changes: changes, user: user) }

    func read<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T { try await base.read(body) }

    func scan<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T { try await base.scan(body) }

    @discardableResult
    func write<T: Sendable>(_ isolation: WriteIsolation, _ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        let message = "\(changes.process)|\(user ?? "")"
        // Here, since the body runs on a thread that knows nothing of the task.
        let actor = AuditActor.current
        do {
            let (value, counts) = try await base.write(isolation) { connection in
                let observed = ObservedConnection(base: connection, actor: actor)
                let value = try body(observed)
                if observed.counts { try connection.notify(Self.topic, message) }
                return (value, observed.counts)
            }
            if counts { changes.committed(user: user) }
            return value
        } catch DatabaseError.unknownOutcome(let detail) {
            // Perhaps it is kept: copies are read again.
            changes.committed(user: user)
            throw DatabaseError.unknownOutcome(detail)
        }
    }

    func migrate<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T { try await base.migrate(body) }

    func listen(_ handler: @Sendable @escaping (DatabaseNotice) -> Void) { base.listen(handler) }

    func scrub() async throws { try await base.scrub() }

    func close() throws { try base.close() }

    /// Whether a statement writes to a table that counts. What cannot be read with ease counts.
    static func counts(_ sql: String) -> Bool {
        let words = sql.split(maxSplits: 4) { $0.isWhitespace || $0 == "(" }
        guard let verb = words.first?.uppercased() else { return false }
        let table: Substring? =
            switch verb {
            case "SELECT": nil
            case "UPDATE": words.count > 1 ? words[1] : ""
            case "INSERT", "DELETE": words.count > 2 ? words[2] : ""
            default: ""
            }
        return table.map { !uncounted.contains($0) } ?? false
    }
}

/// Valid as long as the connection it watches: inside one transaction's closure, on one thread.
private final class ObservedConnection: Connection {
    private let base: any Connection
    let actor: AuditActor?
    private(set) var counts = false

    var dialect: SQLDialect { base.dialect }

    init(base: any Connection, actor: AuditActor?) {
        self.base = base
        self.actor = actor
    }

    func notify(_ topic: String, _ payload: String) throws { try base.notify(topic, payload) }

    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [Row] {
        if !counts, ObservedDatabase.counts(sql) { counts = true }
        return try base.query(sql, parameters)
    }

    func script(_ sql: String) throws {
        counts = true
        try base.script(sql)
    }
}
