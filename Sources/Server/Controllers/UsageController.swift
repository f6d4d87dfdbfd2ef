import Hummingbird
import Pipeline
import Store

/// `GET /api/users/{user_id}/usage`
struct UsageController: Sendable {
    let store: Store
    let journal: UsageJournal

    private struct Body: Encodable {
        var summary: [UsageSummary]
        var items: [UsageRecord]
        var nextCursor: String?
    }

    func routes(_ group: RouterGroup<OwnerContext>) { group.get(use: show) }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        // Whoever looks sees the request that has just ended.
        try await journal.flush()
        let page = try await rows.usage(.from(request))
        return .json(Body(summary: try await rows.usageSummary(), items: page.items, nextCursor: page.nextCursor))
    }
}
