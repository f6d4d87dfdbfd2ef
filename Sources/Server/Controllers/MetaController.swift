import Calls
import Crypto
import Foundation
import Hummingbird
import LocalModels
import Store

import struct Providers.Secret

/// What the server says of itself.
struct MetaController: Sendable {
    let storage: StorageProbe
    let accounts: Accounts
    let engine: EnginePaths
    let telemetry: Telemetry
    let sources: TelemetrySources
    let specification: Data
    /// Reads metrics and details from other machines; empty: nothing does.
    let token: Secret

    private struct Readiness: Encodable {
        var status: String
        var database: String?
        /// Whether uploads, collections and adapters find room.
        var disk: String?
        var engine: String?
        var sandbox: String?
    }

    func routes(_ router: Router<AppContext>) {
        router.get("/health") { _, _ in Response.json(["status": "ok", "version": AtelierVersion.current]) }
        router.get("/ready", use: ready)
        router.get("/metrics", use: metrics)
        router.get("/openapi.json") { [specification] _, _ in Response.json(data: specification) }
    }

    @Sendable func metrics(_ request: Request, context: AppContext) async throws -> Response {
        guard await isOperators(request, context) else {
            throw APIError(
                status: .unauthorized, code: "unauthenticated", message: "metrics are for this machine, superusers and whoever has the metrics token",
                details: [.init(hint: "send Authorization: Bearer with ATELIER_METRICS_TOKEN, or with a superuser's session token")])
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: await telemetry.text(sources))))
    }

    /// Whether the request may be told about the machine: it was made there, or by a superuser, or with the token for it.
    /// Only a session needs the database, and it is not waited for long.
    private func isOperators(_ request: Request, _ context: AppContext) async -> Bool {
        if context.client.isLocal { return true }
        let token = token.reveal()
        // Hashes are compared in a time that does not tell where they differ.
        if !token.isEmpty, let given = AuthMiddleware.token(request),
            SHA256.hash(data: Data(given.utf8)) == SHA256.hash(data: Data(token.utf8))
        {
            return true
        }
        guard let session = AuthMiddleware.session(request), !session.hasPrefix("minion_") else { return false }
        let user = try? await DeadlineExceeded.within(StorageProbe.patience, "the session") { [accounts] in try await accounts.user(session: session)
        }
        return user?.role == .superuser
    }

    /// 200 when questions can be answered, 503 otherwise; what is missing is for the operator.
    @Sendable func ready(_ request: Request, context: AppContext) async throws -> Response {
        async let answer = storage.state()
        let isOperators = await isOperators(request, context)
        let storage = await answer
        let engine = engine.missing()?.message ?? "ok"
        let isReady = storage.database == "ok" && storage.disk == "ok" && engine == "ok"
        var readiness = Readiness(status: isReady ? "ok" : "not ready")
        if isOperators {
            readiness.database = storage.database
            readiness.disk = storage.disk
            readiness.engine = engine
            readiness.sandbox = self.engine.sandbox.shortcoming ?? "ok"
        }
        return .json(readiness, status: readiness.status == "ok" ? .ok : .serviceUnavailable)
    }
}

/// The version of this build.
public enum AtelierVersion {
    public static let current = "0.1.0"
}
