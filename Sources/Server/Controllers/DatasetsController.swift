import Calls
import Datasets
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Store
import Training

/// `/api/users/{user_id}/training-datasets`. The file is the request's body; what it is stands in the query.
struct DatasetsController: Sendable {
    let store: Store
    let importer: DatasetImporter
    let contents: DatasetContents
    let meter: Meter
    let clients: ClientConnections

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: create)
        group.get("{dataset_id}", use: show)
        group.put("{dataset_id}", use: update)
        group.delete("{dataset_id}", use: delete)
        group.put("{dataset_id}/content", use: change)
        group.get("{dataset_id}/report", use: report)
        group.get("{dataset_id}/versions", use: versions)
        group.get("{dataset_id}/preview", use: preview)
        group.get("{dataset_id}/export", use: export)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).datasets(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await dataset(context))
    }

    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        let description = try DatasetQuery.creation(request)
        let rows = store.user(context.owner)
        let fingerprint = "\(description) \(request.headers[.contentLength] ?? "")"
        return try await Idempotent.upload(request, fingerprint: fingerprint, upTo: importer.maxBytes, rows: rows) { bytes in
            try await meter.creating(.datasets, user: context.owner) {
                let room = try await meter.storage(user: context.owner)
                return try await clients.whileConnected(context.channel) {
                    try await importer.importDataset(description, bytes: bytes, user: context.owner, room: room)
                }
            }
        }
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let current = try await rows.datasetToChange(context.parameters.require("dataset_id"))
        var fields = try await RequestFields(request, context: context)
        let name = fields.name("dataset_name") ?? current.datasetName
        let description = fields.string("description", length: 0...2000) ?? current.metadata.description
        let isActive = fields.bool("is_active") ?? current.isActive
        try fields.finish()
        return .json(try await rows.updateDataset(current.id, name: name, description: description, isActive: isActive))
    }

    /// Other content for the same dataset; the body is the file.
    @Sendable func change(_ request: Request, context: OwnerContext) async throws -> Response {
        struct Reply: Encodable {
            var dataset: Dataset
            /// Of `append` and `merge`.
            var outcome: DatasetUpdate.Outcome?
        }
        let current = try await dataset(context)
        let (mode, description) = try DatasetQuery.change(request, of: current)
        let bytes = try request.upload(upTo: importer.maxBytes)
        let room = try await meter.storage(user: context.owner)
        let (changed, outcome) = try await clients.whileConnected(context.channel) {
            try await importer.change(
                current.id, mode, description, bytes: bytes, user: context.owner, room: room)
        }
        return .json(Reply(dataset: changed, outcome: outcome))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        try await importer.delete(context.parameters.require("dataset_id"), user: context.owner)
        return .noContent
    }

    /// What was found in the examples when they arrived.
    @Sendable func report(_ request: Request, context: OwnerContext) async throws -> Response {
        guard let report = try await store.user(context.owner).report(ofDataset: context.parameters.require("dataset_id")) else {
            throw APIError(
                status: .notFound, code: "no_report", message: "this dataset has no report: only chat examples (type jsonl) are looked through")
        }
        return .json(data: Data(report.utf8))
    }

    @Sendable func versions(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(["items": try await store.user(context.owner).versions(ofDataset: context.parameters.require("dataset_id"))])
    }

    /// `?limit=…`: the first examples as training sees them.
    @Sendable func preview(_ request: Request, context: OwnerContext) async throws -> Response {
        let dataset = try await dataset(context)
        let limit = try request.integer("limit", 1...50, standard: 5)
        return .json(["items": try await clients.whileConnected(context.channel) { try await contents.preview(dataset, limit: limit) }])
    }

    /// `?format=…&encoding=…`: the examples as a file, in that format.
    @Sendable func export(_ request: Request, context: OwnerContext) async throws -> Response {
        let dataset = try await dataset(context)
        let export = try DatasetQuery.export(request, of: dataset)
        let room = try await meter.storage(user: context.owner)
        let (file, report) = try await clients.whileConnected(context.channel) { try await contents.export(dataset, as: export, room: room) }
        try await store.audit.record(.datasetExport, target: dataset.id, of: context.owner, ["encoding": export.encoding.rawValue])
        var headers: HTTPFields = [
            .contentType: export.encoding.mediaType,
            .contentDisposition: "attachment; filename=\"\(dataset.id).\(export.encoding.rawValue)\"",
        ]
        // What the format could not carry is told, for it is not in the file.
        headers[.init("x-atelier-export")!] = String(decoding: try JSONEncoder.api.encode(report), as: UTF8.self)
        return Response(status: .ok, headers: headers, body: .init(file: file, bytes: report.bytes))
    }

    private func dataset(_ context: OwnerContext) async throws -> Dataset {
        try await store.user(context.owner).dataset(context.parameters.require("dataset_id"))
    }
}

extension DatasetEncoding {
    fileprivate var mediaType: String {
        switch self {
        case .jsonl: "application/jsonl"
        case .json: "application/json"
        case .csv: "text/csv; charset=utf-8"
        case .tsv: "text/tab-separated-values; charset=utf-8"
        }
    }
}

extension ResponseBody {
    /// A file that is read while it is sent; closed, and with that gone, when it is.
    init(file: HeldFile, bytes: Int) {
        self.init(contentLength: bytes) { writer in
            while let block = try file.next() { try await writer.write(ByteBuffer(bytes: block)) }
            try await writer.finish(nil)
        }
    }
}
