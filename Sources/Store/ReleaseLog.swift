import Foundation

/// One change in a release's life.
public struct ReleaseEvent: Sendable, Encodable, Equatable, Identifiable {
    public var id: String
    public var releaseID: String
    public var at: Date
    /// `created`, `promoted`, `retired`, `rolled_back`, `rejected`, `canary_started`, `canary_stopped`, `imported`.
    public var type: String
    public var reason: String?

    init(row: Row) throws {
        id = try row.text("id")
        releaseID = try row.text("release_id")
        at = try row.date("at")
        type = try row.text("type")
        reason = try row.optionalText("reason")
    }
}

/// Writes what happens to releases, for their history and for webhooks: in the transaction that makes it happen.
enum ReleaseLog {
    private struct Told: Encodable {
        var release: Release
        var reason: String?
    }

    static func note(_ connection: any Connection, user: String, _ release: Release, _ type: String, reason: String?, at: Date) throws {
        try connection.query(
            """
            INSERT INTO release_events (id, user_id, minion_id, release_id, ordinal, at, type, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            .text(RowID.make("evt", at: at)), .text(user), .text(release.minionID), .text(release.id), Ordinal.next(at), SQLValue(at), .text(type),
            SQLValue(reason))
        try WebhookOutbox.enqueue(
            connection, user: user, type: "release.\(type)", data: WebhookOutbox.text(Told(release: release, reason: reason)), at: at)
    }
}
