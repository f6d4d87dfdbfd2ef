import Hummingbird
import Store

/// Leaves an entry in the audit log where a superuser looks at what is somebody else's, before it is shown.
struct ReadAudit<Context: RequestContext>: RouterMiddleware {
    let audit: AuditLog
    /// Whose rows the request is about; nil where it is about nobody else's, and an empty text where it is about everybody's.
    let subject: @Sendable (Request, Context) -> String?

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws -> Response {
        if let subject = subject(request, context) {
            try await audit.recordRead(of: subject.isEmpty ? nil : subject, path: request.uri.path)
        }
        return try await next(request, context)
    }
}

extension RouterGroup<OwnerContext> {
    /// Every request of a superuser for another's rows, be it one that changes them and leaves an entry of its own.
    func auditingReads(_ audit: AuditLog) -> RouterGroup<OwnerContext> {
        add(middleware: ReadAudit(audit: audit) { $1.owner == $1.caller.id ? nil : $1.owner })
    }
}

extension RouterGroup<AdminContext> {
    /// Every request for everybody's rows.
    func auditingReads(_ audit: AuditLog) -> RouterGroup<AdminContext> {
        add(middleware: ReadAudit(audit: audit) { request, _ in request.method == .get ? "" : nil })
    }
}
