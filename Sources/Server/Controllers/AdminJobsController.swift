import Hummingbird
import Store

/// `/api/admin/jobs` and `/api/admin/workers`, for superusers.
struct AdminJobsController: Sendable {
    let store: Store

    func routes(_ group: RouterGroup<AdminContext>) {
        group.get("jobs", use: jobs)
        group.get("workers", use: workers)
    }

    /// Everybody's jobs, newest first; `?status=RUNNING` only those.
    @Sendable func jobs(_ request: Request, context: AdminContext) async throws -> Response {
        .json(try await store.queue.jobs(.from(request), status: request.jobStatus()))
    }

    /// Who runs jobs, and which.
    @Sendable func workers(_ request: Request, context: AdminContext) async throws -> Response {
        .json(Page(items: try await store.workers.list(), nextCursor: nil))
    }
}
