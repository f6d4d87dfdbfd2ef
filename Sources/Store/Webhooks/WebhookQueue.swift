import Foundation

/// The sender's side of webhooks: everybody's deliveries that are due.
public struct WebhookQueue: Sendable {
    let database: any Database
    let vault: KeyVault

    /// A delivery with what sending it needs.
    public struct Due: Sendable {
        public var delivery: WebhookDelivery
        public var userID: String
        public var url: String
        /// `whsec_…`; nil where no configured key opens it.
        public var secret: String?
    }

    /// The oldest waiting delivery of each address, where its time has come: those behind it wait for it, so that an
    /// address hears of things in their order. Everybody's first comes before anybody's second.
    /// - Parameters:
    ///   - share: the most of one user.
    ///   - underWay: webhooks whose delivery is being sent, with their users: they are left out, and count to the user's share.
    public func due(now: Date = Date(), limit: Int = 64, share: Int = 64, underWay: [String: String] = [:]) async throws -> [Due] {
        let busy = Dictionary(grouping: underWay.values, by: { $0 }).mapValues(\.count)
        let full = busy.filter { $0.value >= share }.keys.sorted()
        let webhooks = underWay.keys.sorted()
        @Sendable func places(_ count: Int, after start: Int) -> String {
            count == 0 ? "''" : (1...count).map { "$\(start + $0)" }.joined(separator: ", ")
        }
        let (due, bad) = try await database.read { [vault] connection in
            let rows = try connection.query(
                """
                SELECT * FROM (
                    SELECT d.*, w.url, w.encrypted_secret, ROW_NUMBER() OVER (PARTITION BY d.user_id ORDER BY d.ordinal) AS place
                    FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
                    WHERE d.state = 'pending' AND d.next_at <= $1 AND w.is_active = 1 AND d.ordinal = (
                            SELECT MIN(p.ordinal) FROM webhook_deliveries p WHERE p.webhook_id = d.webhook_id AND p.state = 'pending')
                        AND d.webhook_id NOT IN (\(places(webhooks.count, after: 3))) AND d.user_id NOT IN (\(places(full.count, after: 3 + webhooks.count)))
                ) AS due WHERE place <= $3 ORDER BY place, ordinal LIMIT $2
                """, [SQLValue(now), SQLValue(limit), SQLValue(share)] + (webhooks + full).map { .text($0) }
            )
            var bad: [UnreadableRow] = []
            let due: [Due] = try rows.compactMap { row in
                do {
                    let delivery = try WebhookDelivery(row: row)
                    return Due(
                        delivery: delivery, userID: try row.text("user_id"), url: try row.text("url"),
                        secret: try? vault.open(row.text("encrypted_secret"), user: row.text("user_id"), provider: Webhook.seal(delivery.webhookID)))
                } catch let row as UnreadableRow {
                    bad.append(row)
                    return nil
                }
            }
            return (due, bad)
        }
        // Those behind one that cannot be read would wait for it for ever.
        for row in bad {
            try await database.write { connection in
                try connection.query(
                    "UPDATE webhook_deliveries SET state = 'failed', error = $2, finished_at = $3 WHERE id = $1", .text(row.id),
                    .text("the delivery's row cannot be read: \(row)"), SQLValue(now))
            }
        }
        var taken = busy
        return due.filter { one in
            taken[one.userID, default: 0] += 1
            return taken[one.userID, default: 0] <= share
        }
    }

    /// Counts an attempt before it is made, so that one under which this process ends is made again only as often as any
    /// other; until `until` nobody makes the next.
    /// - Returns: false where it is over or another process has begun it.
    public func begin(_ delivery: WebhookDelivery, until: Date) async throws -> Bool {
        try await database.write { connection in
            try !connection.query(
                "UPDATE webhook_deliveries SET attempts = attempts + 1, next_at = $3 WHERE id = $1 AND state = 'pending' AND attempts = $2 RETURNING id",
                .text(delivery.id), SQLValue(delivery.attempts), SQLValue(until)
            ).isEmpty
        }
    }

    /// Takes the count of an attempt back that was not made, or cut: the server is ending.
    public func undo(_ delivery: WebhookDelivery) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE webhook_deliveries SET attempts = $2, next_at = $3 WHERE id = $1 AND state = 'pending' AND attempts = $2 + 1",
                .text(delivery.id), SQLValue(delivery.attempts), SQLValue(delivery.nextAt ?? Date()))
        }
    }

    /// Writes what came of an attempt that ``begin(_:until:)`` has counted.
    /// - Parameters:
    ///   - status: of the reply, where there was one.
    ///   - retryAt: when to try again; nil ends it: as delivered without an error, else as failed.
    public func record(_ delivery: String, status: Int?, error: String?, milliseconds: Double, retryAt: Date?, now: Date = Date()) async throws {
        try await database.write { connection in
            let state: WebhookDelivery.State = error == nil ? .delivered : retryAt == nil ? .failed : .pending
            try connection.query(
                """
                UPDATE webhook_deliveries SET state = $2, status = $3, error = $4, milliseconds = $5, next_at = COALESCE($6, next_at),
                    finished_at = $7
                WHERE id = $1 AND state = 'pending'
                """,
                .text(delivery), .text(state.rawValue), SQLValue(status), SQLValue(error), SQLValue(milliseconds), SQLValue(retryAt),
                SQLValue(state == .pending ? nil : now))
        }
    }

    /// Switches an address off that says it is gone for good.
    public func disable(_ webhook: String, reason: String) async throws {
        try await database.write { connection in
            try connection.query(
                "UPDATE webhooks SET is_active = 0, disabled_reason = $2, updated_at = $3 WHERE id = $1", .text(webhook), .text(reason),
                SQLValue(Date()))
        }
    }
}

extension Webhook {
    /// What its sealed secret is for.
    static func seal(_ id: String) -> String { "webhook:\(id)" }
}

extension Store {
    /// The sender's view of webhooks: every user's.
    public var webhooks: WebhookQueue { WebhookQueue(database: database, vault: vault) }
}
