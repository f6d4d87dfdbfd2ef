import Foundation
import Hummingbird
import LocalModels
import Pipeline
import Store

/// What the server says of itself.
struct MetaController: Sendable {
    let storage: StorageProbe
    let engine: EnginePaths
    let telemetry: Telemetry
    let sources: TelemetrySources
    let specification: Data

    private struct Readiness: Encodable {
        var status: String
        var database: String
        /// Whether uploads, collections and adapters find room.
        var disk: String
        var engine: String
        var sandbox: String
    }

    func routes(_ router: Router<AppContext>) {
        router.get("/health") { _, _ in Response.json(["status": "ok", "version": AtelierVersion.current]) }
        router.get("/ready", use: ready)
        router.get("/metrics") { [telemetry, sources] _, _ in
            let text = await telemetry.text(sources)
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
        router.get("/openapi.json") { [specification] _, _ in Response.json(data: specification) }
    }

    /// 200 when questions can be answered, 503 with what is missing otherwise.
    @Sendable func ready(_ request: Request, context: AppContext) async throws -> Response {
        let storage = await storage.state()
        var readiness = Readiness(
            status: "ok", database: storage.database, disk: storage.disk, engine: engine.missing()?.message ?? "ok",
            sandbox: engine.sandbox.shortcoming ?? "ok")
        if readiness.database != "ok" || readiness.disk != "ok" || readiness.engine != "ok" { readiness.status = "not ready" }
        return .json(readiness, status: readiness.status == "ok" ? .ok : .serviceUnavailable)
    }
}

/// The version of this build.
public enum AtelierVersion {
    public static let current = "0.1.0"
}
