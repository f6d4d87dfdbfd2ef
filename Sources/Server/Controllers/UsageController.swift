import Calls
import Hummingbird
import Store

/// `GET /api/users/{user_id}/usage`, and `GET /api/admin/usage` over everybody.
struct UsageController: Sendable {
    let store: Store
    let journal: UsageJournal

    private struct Body: Encodable {
        var summary: [UsageSummary]
        var items: [UsageRecord]
        var nextCursor: String?
        var unreadable: [UnreadableRow]?
        var report: UsageReport?
    }

    func routes(_ group: RouterGroup<OwnerContext>) { group.get(use: show) }

    func routes(_ group: RouterGroup<AdminContext>) { group.get(use: overall) }

    /// Sums and single attempts; a report where one is asked for.
    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        // Whoever looks sees the request that has just ended.
        try await journal.flush()
        let rows = store.user(context.owner)
        let asked = try UsageQueryParameters(request, dimensions: UsageQuery.Dimension.allCases.filter { $0 != .user })
        if asked.format == .csv { return UsageCSV.response(try await rows.usageReport(asked.query)) }
        let page = try await rows.usage(.from(request), asked.query)
        var body = Body(
            summary: try await rows.usageSummary(asked.query), items: page.items, nextCursor: page.nextCursor, unreadable: page.unreadable)
        if asked.wantsReport { body.report = try await rows.usageReport(asked.query) }
        return .json(body)
    }

    @Sendable func overall(_ request: Request, context: AdminContext) async throws -> Response {
        let asked = try UsageQueryParameters(request, dimensions: UsageQuery.Dimension.allCases)
        try await journal.flush()
        let report = try await store.usageReport(asked.query)
        return asked.format == .csv ? UsageCSV.response(report) : .json(["report": report])
    }
}
