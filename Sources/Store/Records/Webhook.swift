import Foundation

/// An address of a user's that is told of events.
public struct Webhook: Sendable, Encodable, Identifiable, Equatable {
    /// What can be told. `ping` goes out when it is asked for.
    public static let events = [
        "job.queued", "job.started", "job.completed", "job.failed", "job.stopped", "release.created", "release.imported", "release.promoted",
        "release.retired", "release.rolled_back", "release.rejected", "release.canary_started", "release.canary_stopped",
    ]

    public var id: String
    public var url: String
    /// Those it wants; empty for all.
    public var events: [String]
    public var isActive: Bool
    /// Why it was switched off, where the receiver asked for it.
    public var disabledReason: String?
    public var createdAt: Date
    public var updatedAt: Date

    init(row: Row) throws {
        id = try row.text("id")
        url = try row.text("url")
        events = try row.json("events")
        isActive = try row.bool("is_active")
        disabledReason = try row.optionalText("disabled_reason")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }

    /// What stands in for a column that cannot be read, until its user writes the webhook anew.
    static var standIns: [String: SQLValue] {
        ["events": "[]", "is_active": 0, "created_at": SQLValue(Date()), "updated_at": SQLValue(Date())]
    }

    func wants(_ type: String) -> Bool { events.isEmpty || events.contains(type) }
}

/// One event on its way to one address, or what became of it.
public struct WebhookDelivery: Sendable, Encodable, Identifiable, Equatable {
    public enum State: String, Sendable, Codable { case pending, delivered, failed }

    /// The same at every attempt: a receiver knows by it what it has had already.
    public var id: String
    public var webhookID: String
    public var eventType: String
    /// The JSON that is sent.
    public var body: String
    public var state: State
    public var attempts: Int
    /// When a pending one is tried next.
    public var nextAt: Date?
    /// Of the last attempt: the status of the reply, or why there was none.
    public var status: Int?
    public var error: String?
    public var milliseconds: Double?
    public var createdAt: Date
    public var finishedAt: Date?

    init(row: Row) throws {
        id = try row.text("id")
        webhookID = try row.text("webhook_id")
        eventType = try row.text("event_type")
        body = try row.text("body")
        state = State(rawValue: try row.text("state")) ?? .failed
        attempts = try row.int("attempts")
        nextAt = state == .pending ? try row.date("next_at") : nil
        status = try row.optionalInt("status")
        error = try row.optionalText("error")
        milliseconds = try row.optionalDouble("milliseconds")
        createdAt = try row.date("created_at")
        finishedAt = try row.optionalDate("finished_at")
    }
}
