import Calls
import Domain
import Files
import Foundation
import HTTPTypes
import Hummingbird
import LocalModels
import Logging
import NIOCore
import Providers
import Releases
import Store

/// `/api/users/{user_id}/minions/{minion_id}/releases` and what moves them: promotion, trial, rollback, archives.
struct ReleasesController: Sendable {
    let store: Store
    let data: DataDirectory
    let server: AdapterServer
    let exporter: ReleaseExporter
    let importer: ReleaseImporter
    let meter: Meter
    let clients: ClientConnections
    let logger: Logger

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get("{minion_id}/releases", use: list)
        group.post("{minion_id}/releases/import", use: importArchive)
        group.get("{minion_id}/releases/{release_id}", use: show)
        group.get("{minion_id}/releases/{release_id}/archive", use: archive)
        group.post("{minion_id}/releases/{release_id}/promote", use: promote)
        group.post("{minion_id}/releases/{release_id}/canary", use: startCanary)
        group.get("{minion_id}/canary", use: canary)
        group.delete("{minion_id}/canary", use: endCanary)
        group.post("{minion_id}/rollback", use: rollback)
        group.get("{minion_id}/training-history", use: history)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).releases(minionID: context.parameters.require("minion_id"), .from(request)))
    }

    private struct Detail: Encodable {
        var release: Release
        var content: JSONValue?
        var events: [ReleaseEvent]

        enum CodingKeys: CodingKey { case content, events }

        func encode(to encoder: any Encoder) throws {
            try release.encode(to: encoder)
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encodeIfPresent(content, forKey: .content)
            try fields.encode(events, forKey: .events)
        }
    }

    /// A release with what it is made of and what has happened to it.
    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        let release = try await release(context)
        return .json(
            Detail(
                release: release, content: try release.content.map { try JSONValue(parsing: $0) },
                events: try await store.user(context.owner).releaseEvents(release.id)))
    }

    @Sendable func promote(_ request: Request, context: OwnerContext) async throws -> Response {
        let release = try await release(context)
        var fields = try await RequestFields(optional: request, context: context)
        let applies = fields.bool("apply_settings") ?? false
        let reason = fields.string("reason", length: 1...500) ?? "promoted by hand"
        try fields.finish()
        let promoted = try await store.user(context.owner).promote(
            release.id, minionID: release.minionID, appliesSettings: applies, reason: reason)
        preload(promoted, context.owner)
        return .json(promoted)
    }

    @Sendable func rollback(_ request: Request, context: OwnerContext) async throws -> Response {
        let minion = try await store.user(context.owner).minion(context.parameters.require("minion_id"))
        var fields = try await RequestFields(optional: request, context: context)
        let reason = fields.string("reason", length: 1...500) ?? "rolled back by hand"
        try fields.finish()
        let release = try await store.user(context.owner).rollback(minionID: minion.id, reason: reason)
        preload(release, context.owner)
        return .json(release)
    }

    @Sendable func startCanary(_ request: Request, context: OwnerContext) async throws -> Response {
        let release = try await release(context)
        var fields = try await RequestFields(request, context: context)
        var settings = CanarySettings(percent: fields.number("percent", 0.01...99.99) ?? 0)
        if !fields.has("percent") { fields.fail("percent", "is required", hint: "of a hundred requests, how many the release answers") }
        settings.minRequests = fields.integer("min_requests", 1...1_000_000) ?? settings.minRequests
        settings.maxErrorIncrease = fields.number("max_error_increase", 0...1) ?? settings.maxErrorIncrease
        settings.maxLatencyRatio = fields.number("max_latency_ratio", 1...1000) ?? settings.maxLatencyRatio
        settings.promoteAfter = fields.integer("promote_after", 1...100_000_000)
        if let after = settings.promoteAfter, after < settings.minRequests {
            fields.fail("promote_after", "must not be less than min_requests (\(settings.minRequests))")
        }
        try fields.finish()
        let canary = try await store.user(context.owner).startCanary(release.id, minionID: release.minionID, settings)
        preload(release, context.owner)
        return .json(canary, status: .created)
    }

    private struct Trial: Encodable {
        struct Arm: Encodable {
            var requests: Int
            var failures: Int
            var errorRate: Double?
            /// The geometric mean of the good requests.
            var typicalMilliseconds: Double?

            init(_ figures: CanaryFigures) {
                (requests, failures, errorRate) = (figures.requests, figures.failures, figures.errorRate)
                typicalMilliseconds = figures.typicalMilliseconds
            }
        }

        var canary: Canary
        var active: Arm
        var trial: Arm
        var verdict: String
    }

    /// How the trial under way goes.
    @Sendable func canary(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        guard let canary = try await rows.minion(context.parameters.require("minion_id")).canary else { throw APIError.notFound("trial") }
        let figures = try await rows.canaryFigures(canary)
        let verdict =
            switch CanaryVerdict.decide(canary.settings, active: figures.active, canary: figures.canary) {
            case .goOn(let reason), .rollBack(let reason), .promote(let reason): reason
            }
        return .json(Trial(canary: canary, active: .init(figures.active), trial: .init(figures.canary), verdict: verdict))
    }

    @Sendable func endCanary(_ request: Request, context: OwnerContext) async throws -> Response {
        let minion = try context.parameters.require("minion_id")
        _ = try await store.user(context.owner).endCanary(minionID: minion)
        return .noContent
    }

    /// The release as a tar archive, from which it can be imported elsewhere.
    @Sendable func archive(_ request: Request, context: OwnerContext) async throws -> Response {
        let release = try await release(context)
        let archive = try await clients.whileConnected(context.channel) { try await exporter.archive(release, user: context.owner) }
        try await store.audit.record(.releaseExport, target: release.id, of: context.owner, ["minion": release.minionID])
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/x-tar", .cacheControl: "no-store",
                .contentDisposition: "attachment; filename=\"\(release.id).tar\"",
            ],
            body: ResponseBody(contentLength: archive.bytes) { writer in
                try await archive.forEachBlock { try await writer.write(ByteBuffer(bytes: $0)) }
                try await writer.finish(nil)
            })
    }

    /// The body is the archive. `?promote=true` lets it answer at once, `?apply_settings=true` gives the minion the
    /// settings it was made with.
    @Sendable func importArchive(_ request: Request, context: OwnerContext) async throws -> Response {
        let minion = try await store.user(context.owner).minion(context.parameters.require("minion_id"))
        let query = request.uri.queryParameters
        func flag(_ name: String) throws -> Bool {
            switch query[Substring(name)] {
            case nil, "false": return false
            case "true": return true
            default: throw APIError.invalid([.init(field: name, code: "invalid", message: "must be true or false")])
            }
        }
        let (promotes, applies) = (try flag("promote"), try flag("apply_settings"))
        let bytes = try request.upload(upTo: importer.maxBytes)
        let room = try await meter.storage(user: context.owner)
        let release = try await clients.whileConnected(context.channel) {
            try await importer.importRelease(
                bytes, minion: minion, promotes: promotes, appliesSettings: applies, room: room)
        }
        if promotes { preload(release, context.owner) }
        return .json(release, status: .created)
    }

    @Sendable func history(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).trainingHistory(minionID: context.parameters.require("minion_id"), .from(request)))
    }

    private func release(_ context: OwnerContext) async throws -> Release {
        try await store.user(context.owner).release(
            context.parameters.require("release_id"), minionID: context.parameters.require("minion_id"))
    }

    /// Loads the adapter beside the running answers, so that the first question does not wait for it.
    private func preload(_ release: Release, _ user: String) {
        guard let id = release.adapterID else { return }
        Task { [store, data, server, logger] in
            do {
                let adapter = try await store.user(user).adapter(id)
                try await server.preload(data.url(adapter.path).appending(path: "adapter.gguf"), base: adapter.baseModel)
            } catch { logger.warning("the adapter of \(release.id) is not loaded yet: \(error)") }
        }
    }
}
