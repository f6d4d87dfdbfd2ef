import Calls
import Domain
import Foundation
import Hummingbird
import Providers
import Store
import Training

/// `/api/users/{user_id}/webhooks`
struct WebhooksController: Sendable {
    let store: Store
    let addresses: AddressPolicy
    let sender: WebhookSender
    let meter: Meter

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: create)
        group.get("{webhook_id}", use: show)
        group.put("{webhook_id}", use: update)
        group.delete("{webhook_id}", use: delete)
        group.post("{webhook_id}/secret", use: renew)
        group.post("{webhook_id}/test", use: test)
        group.get("{webhook_id}/deliveries", use: deliveries)
        group.post("{webhook_id}/deliveries/{delivery_id}/redeliver", use: redeliver)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).webhooks(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).webhook(context.parameters.require("webhook_id")))
    }

    private struct Created: Encodable {
        var webhook: Webhook
        var secret: String

        enum CodingKeys: CodingKey { case secret }

        func encode(to encoder: any Encoder) throws {
            try webhook.encode(to: encoder)
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(secret, forKey: .secret)
        }
    }

    /// The secret is in this reply and nowhere else, ever.
    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context)
        let url = fields.required("url", length: 1...2000)
        let events = Self.events(&fields) ?? []
        try fields.finish()
        let (webhook, secret) = try await meter.creating(.webhooks, user: context.owner) {
            try await check(url)
            return try await store.user(context.owner).createWebhook(url: url, events: events)
        }
        return .json(Created(webhook: webhook, secret: secret), status: .created)
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let current = try await rows.webhookToChange(context.parameters.require("webhook_id"))
        var fields = try await RequestFields(request, context: context)
        let url = fields.string("url", length: 1...2000) ?? current.url
        let events = Self.events(&fields) ?? current.events
        let isActive = fields.bool("is_active") ?? current.isActive
        try fields.finish()
        // An address that was saved before is checked at each call.
        if url != current.url { try await check(url) }
        return .json(try await rows.updateWebhook(current.id, url: url, events: events, isActive: isActive))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("webhook_id")
        try await store.user(context.owner).deleteWebhook(id)
        try await store.scrub()
        return .noContent
    }

    @Sendable func renew(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("webhook_id")
        let secret = try await store.user(context.owner).renewWebhookSecret(id)
        return .json(["secret": secret, "webhook_id": id], status: .created)
    }

    @Sendable func test(_ request: Request, context: OwnerContext) async throws -> Response {
        let delivery = try await store.user(context.owner).pingWebhook(context.parameters.require("webhook_id"))
        sender.nudge()
        return .json(delivery, status: .accepted)
    }

    @Sendable func deliveries(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).deliveries(webhookID: context.parameters.require("webhook_id"), .from(request)))
    }

    @Sendable func redeliver(_ request: Request, context: OwnerContext) async throws -> Response {
        let delivery = try await store.user(context.owner).redeliver(
            context.parameters.require("delivery_id"), webhookID: context.parameters.require("webhook_id"))
        sender.nudge()
        return .json(delivery, status: .accepted)
    }

    private static func events(_ fields: inout RequestFields) -> [String]? {
        guard let events = fields.strings("events", max: Webhook.events.count) else { return nil }
        for event in events where !Webhook.events.contains(event) {
            fields.fail("events", "\"\(event)\" is not an event", hint: "known: \(Webhook.events.joined(separator: ", "))")
        }
        return Array(Set(events)).sorted()
    }

    /// A webhook must not lead into the operator's network; checked here and again at each call.
    private func check(_ url: String) async throws {
        do { try await addresses.check(url, provider: "webhook") } catch let error as ProviderError {
            let message = error.message.replacingOccurrences(of: "the base URL", with: "the URL")
            throw APIError.invalid([.init(field: "url", code: error.kind.rawValue, message: message)])
        }
    }
}
