import Hummingbird
import Store

/// Leaves an entry in the audit log where a superuser looks at what is somebody else's, before it is shown. Only where a full disk
/// has no room for the entry it is shown all the same, since somebody has to look for what can be deleted: then the server's own
/// log has the entry.
struct ReadAudit<Context: RequestContext>: RouterMiddleware {
    let audit: AuditLog
    /// Whose rows the request is about; nil where it is about nobody else's, and an empty text where it is about everybody's.
    let subject: @Sendable (Request, Context) -> String?

    func handle(_ request: Request, context: Context, next: (Request, Context) async throws -> Response) async throws -> Response {
        if let subject = subject(request, context) {
            let user = subject.isEmpty ? nil : subject
            do { try await audit.recordRead(of: user, path: request.uri.path) } catch DatabaseError.diskFull {
                let actor = AuditActor.current
                context.logger.critical(
                    "the disk is full: this entry of the audit log is written here alone",
                    metadata: [
                        "action": "\(AuditAction.adminRead.rawValue)", "actor_id": "\(actor?.userID ?? "")", "address": "\(actor?.address ?? "")",
                        "user_id": "\(user ?? "")", "path": "\(request.uri.path)",
                    ])
            }
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
