import Foundation

/// Where events wait for their webhooks: written in the transaction of what they tell, so that an event is told if
/// and only if it happened, also when the server dies between the two.
enum WebhookOutbox {
    /// Most deliveries that wait for one address; what comes beyond is logged as failed.
    static let maxPending = 1000
    /// Most ended deliveries that are kept of one address.
    static let maxKept = 1000

    /// Events of a job's history that are told. A worker that takes a job is told by ``started(_:_:at:)``: the `started` of the
    /// history is the trainer's.
    private static let history: Set = ["queued", "completed", "failed", "stopped"]

    /// Tells a job's event, where it is one of those that are told.
    /// - Parameter payload: the event's own JSON.
    static func note(_ connection: any Connection, job: String, type: String, payload: SQLValue, at: Date) throws {
        guard history.contains(type), case .text(let detail) = payload else { return }
        let rows = try connection.query("SELECT * FROM external_training_jobs WHERE id = $1", .text(job))
        // Of one that cannot be read there is nothing to tell.
        guard let job = try rows.readable({ try TrainingJob.load([$0], connection)[0] }).first else { return }
        try enqueue(connection, user: job.userID, type: "job.\(type)", data: "{\"detail\":\(detail),\"job\":\(text(job))}", at: at)
    }

    /// Tells that a worker has begun a job; what goes on after a worker's death is not begun again.
    static func started(_ connection: any Connection, _ job: TrainingJob, at: Date) throws {
        try enqueue(
            connection, user: job.userID, type: "job.started", data: "{\"detail\":{\"attempt\":\(job.attempt)},\"job\":\(text(job))}", at: at)
    }

    static func text(_ value: some Encodable) throws -> String { String(decoding: try JSONEncoder.api.encode(value), as: UTF8.self) }

    /// - Parameters:
    ///   - data: JSON.
    ///   - only: nil for all addresses that want the type.
    /// - Returns: ids of the deliveries.
    @discardableResult
    static func enqueue(_ connection: any Connection, user: String, type: String, data: String, at: Date, only: String? = nil) throws
        -> [String]
    {
        let webhooks = try connection.query("SELECT * FROM webhooks WHERE user_id = $1 AND is_active = 1 ORDER BY id", .text(user))
            .readable(Webhook.init).filter { only == nil ? $0.wants(type) : $0.id == only }
        guard !webhooks.isEmpty else { return [] }
        let body = "{\"data\":\(data),\"timestamp\":\(try text(at)),\"type\":\(try text(type))}"
        return try webhooks.map { try insert(connection, user: user, $0.id, type, body, at) }
    }

    private static func insert(_ connection: any Connection, user: String, _ webhook: String, _ type: String, _ body: String, _ at: Date) throws
        -> String
    {
        let waiting = try connection.query(
            "SELECT COUNT(*) AS n, COALESCE(MAX(ordinal), 0) AS last FROM webhook_deliveries WHERE webhook_id = $1 AND state = 'pending'",
            .text(webhook))[0]
        let isFull = try waiting.int("n") >= maxPending
        // After those that wait, whatever the clock of the process says that made them.
        let ordinal = max(Ordinal.number(at), Int64(try waiting.int("last")) + 1)
        let id = RowID.make("msg", at: at)
        try connection.query(
            """
            INSERT INTO webhook_deliveries (id, user_id, webhook_id, ordinal, event_type, body, state, next_at, error, created_at, finished_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $10)
            """,
            .text(id), .text(user), .text(webhook), .integer(ordinal), .text(type), .text(body), .text(isFull ? "failed" : "pending"), SQLValue(at),
            SQLValue(isFull ? "\(maxPending) deliveries were waiting already: it was not tried" : nil), SQLValue(isFull ? at : nil))
        // Old ones go as new ones come.
        try connection.query(
            """
            DELETE FROM webhook_deliveries WHERE webhook_id = $1 AND state <> 'pending' AND id IN (
                SELECT id FROM webhook_deliveries WHERE webhook_id = $1 AND state <> 'pending' ORDER BY id DESC LIMIT 100 OFFSET $2)
            """, .text(webhook), SQLValue(maxKept))
        return id
    }
}
