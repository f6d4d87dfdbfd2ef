import Crypto
import Foundation

extension UserStore {
    public func webhooks(_ page: PageRequest = .first) async throws -> Page<Webhook> {
        try await database.read { try page.page($0, from: "webhooks", where: "user_id = $1", [user], decode: Webhook.init) }
    }

    public func webhook(_ id: String) async throws -> Webhook {
        try await database.read { try Webhook(row: row($0, "webhooks", id, what: "webhook")) }
    }

    /// The same, to be written anew: a column that cannot be read has its default.
    public func webhookToChange(_ id: String) async throws -> Webhook {
        try await database.read { try row($0, "webhooks", id, what: "webhook").mended(Webhook.standIns, Webhook.init).value }
    }

    /// - Returns: the webhook and its secret, `whsec_` and 32 random bytes in base64, which is not told again.
    public func createWebhook(url: String, events: [String]) async throws -> (webhook: Webhook, secret: String) {
        let id = RowID.make("whk")
        let secret = Self.webhookSecret()
        let sealed = try vault.seal(secret, user: userID, provider: Webhook.seal(id))
        let webhook = try await database.write { connection in
            let rows = try connection.query(
                """
                INSERT INTO webhooks (id, user_id, url, events, encrypted_secret, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING *
                """, .text(id), user, .text(url), try SQLValue(json: events), .text(sealed), SQLValue(Date()))
            try connection.audit(.webhookCreate, target: id, of: userID, ["url": AuditEntry.origin(url)])
            return try Webhook(row: rows[0])
        }
        return (webhook, secret)
    }

    public func updateWebhook(_ id: String, url: String, events: [String], isActive: Bool) async throws -> Webhook {
        try await database.write { connection in
            _ = try mend(connection, "webhooks", id, what: "webhook", Webhook.standIns, Webhook.init)
            let rows = try connection.query(
                """
                UPDATE webhooks SET url = $3, events = $4, is_active = $5, updated_at = $6, disabled_reason = CASE WHEN $5 = 1 THEN NULL ELSE disabled_reason END
                WHERE id = $1 AND user_id = $2 RETURNING *
                """, .text(id), user, .text(url), try SQLValue(json: events), SQLValue(isActive), SQLValue(Date()))
            guard let row = rows.first else { throw StoreError.notFound("webhook") }
            try connection.audit(.webhookUpdate, target: id, of: userID, ["url": AuditEntry.origin(url), "is_active": "\(isActive)"])
            return try Webhook(row: row)
        }
    }

    /// A new secret; the old one signs nothing from now on.
    public func renewWebhookSecret(_ id: String) async throws -> String {
        let secret = Self.webhookSecret()
        let sealed = try vault.seal(secret, user: userID, provider: Webhook.seal(id))
        try await database.write { connection in
            let rows = try connection.query(
                "UPDATE webhooks SET encrypted_secret = $3, updated_at = $4 WHERE id = $1 AND user_id = $2 RETURNING id", .text(id), user,
                .text(sealed),
                SQLValue(Date()))
            guard !rows.isEmpty else { throw StoreError.notFound("webhook") }
            try connection.audit(.webhookSecret, target: id, of: userID)
        }
        return secret
    }

    /// Deletes it with its deliveries.
    public func deleteWebhook(_ id: String) async throws {
        try await database.write { connection in
            let rows = try connection.query("DELETE FROM webhooks WHERE id = $1 AND user_id = $2 RETURNING id", .text(id), user)
            guard !rows.isEmpty else { throw StoreError.notFound("webhook") }
            try connection.audit(.webhookDelete, target: id, of: userID)
        }
    }

    /// What was sent, or is to be, newest first.
    public func deliveries(webhookID: String, _ page: PageRequest = .first) async throws -> Page<WebhookDelivery> {
        try await database.read { connection in
            _ = try row(connection, "webhooks", webhookID, what: "webhook")
            return try page.page(
                connection, from: "webhook_deliveries", where: "user_id = $1 AND webhook_id = $2", [user, .text(webhookID)],
                decode: WebhookDelivery.init)
        }
    }

    /// Sends a `ping`, whatever events it wants.
    public func pingWebhook(_ id: String) async throws -> WebhookDelivery {
        try await database.write { connection in
            let webhook = try Webhook(row: row(connection, "webhooks", id, what: "webhook"))
            guard webhook.isActive else { throw StoreError.invalidState("the webhook is switched off") }
            let made = try WebhookOutbox.enqueue(
                connection, user: userID, type: "ping", data: WebhookOutbox.text(["webhook_id": id]), at: Date(), only: id)
            try connection.audit(.webhookTest, target: id, of: userID)
            return try WebhookDelivery(row: row(connection, "webhook_deliveries", made[0], what: "delivery"))
        }
    }

    /// Sends an ended delivery again, with its id and body, as if it were new.
    public func redeliver(_ id: String, webhookID: String) async throws -> WebhookDelivery {
        try await database.write { connection in
            let webhook = try Webhook(row: row(connection, "webhooks", webhookID, what: "webhook"))
            let delivery = try WebhookDelivery(row: row(connection, "webhook_deliveries", id, what: "delivery"))
            guard delivery.webhookID == webhookID else { throw StoreError.notFound("delivery") }
            guard webhook.isActive else { throw StoreError.invalidState("the webhook is switched off") }
            guard delivery.state != .pending else { throw StoreError.invalidState("the delivery is waiting already") }
            let now = Date()
            let rows = try connection.query(
                """
                UPDATE webhook_deliveries SET state = 'pending', attempts = 0, next_at = $2, ordinal = $3, finished_at = NULL
                WHERE id = $1 AND user_id = $4 RETURNING *
                """, .text(id), SQLValue(now), Ordinal.next(now), user)
            try connection.audit(.webhookRedeliver, target: webhookID, of: userID, ["delivery": id])
            return try WebhookDelivery(row: rows[0])
        }
    }

    /// As Standard Webhooks asks: 24 to 64 random bytes in base64 behind `whsec_`.
    private static func webhookSecret() -> String {
        "whsec_" + SymmetricKey(size: .init(bitCount: 256)).withUnsafeBytes { Data($0) }.base64EncodedString()
    }
}
