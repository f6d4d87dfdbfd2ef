import Foundation
import Hummingbird
import Pipeline
import Store

/// `/api/users/{user_id}/training-datasets`. The file is the request's body; what it is stands in the query.
struct DatasetsController: Sendable {
    let store: Store
    let importer: DatasetImporter
    let meter: Meter

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: create)
        group.get("{dataset_id}", use: show)
        group.put("{dataset_id}", use: update)
        group.delete("{dataset_id}", use: delete)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).datasets(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).dataset(context.parameters.require("dataset_id")))
    }

    /// `?dataset_name=…&dataset_type=jsonl|rag|custom&file_name=…`
    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        let query = request.uri.queryParameters
        var problems: [APIError.Detail] = []
        let known: Set<String> = ["dataset_name", "dataset_type", "file_name", "description"]
        for key in Set(query.map { String($0.key) }).subtracting(known).sorted() {
            problems.append(
                .init(field: key, code: "unknown_field", message: "is not a parameter here", hint: "known: \(known.sorted().joined(separator: ", "))")
            )
        }
        let fileName = String(query["file_name"] ?? "").trimmingCharacters(in: .whitespaces)
        if fileName.contains("/") || fileName.contains("\0") || fileName.count > 200 {
            problems.append(.init(field: "file_name", code: "invalid", message: "must be a plain file name of at most 200 characters"))
        }
        let name = query["dataset_name"].map { String($0).trimmingCharacters(in: .whitespaces) } ?? fileName
        if name.isEmpty || name.count > 200 {
            problems.append(.init(field: "dataset_name", code: "invalid", message: "must have 1 to 200 characters", hint: "add ?dataset_name=…"))
        }
        let kind = query["dataset_type"].flatMap { Dataset.Kind(rawValue: String($0)) }
        if kind == nil {
            problems.append(
                .init(
                    field: "dataset_type", code: "invalid", message: "must be one of jsonl, rag, custom",
                    hint: "jsonl: chat examples for the voice; rag: documents for the knowledge"))
        }
        guard problems.isEmpty, let kind else { throw APIError.invalid(problems) }
        let description = DatasetImporter.Description(
            name: name, kind: kind, fileName: fileName.isEmpty ? name : fileName, text: query["description"].map(String.init))
        let rows = store.user(context.owner)
        return try await Idempotent.create(request, fingerprint: "\(description) \(request.headers[.contentLength] ?? "")", rows: rows) {
            let room = try await meter.storage(user: context.owner)
            return try await importer.importDataset(description, bytes: request.body.map(\.readableBytesView), user: context.owner, room: room)
        }
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let current = try await rows.dataset(context.parameters.require("dataset_id"))
        var fields = try await RequestFields(request, context: context)
        let name = fields.string("dataset_name", length: 1...200) ?? current.datasetName
        let description = fields.string("description", length: 0...2000) ?? current.metadata.description
        let isActive = fields.bool("is_active") ?? current.isActive
        try fields.finish()
        return .json(try await rows.updateDataset(current.id, name: name, description: description, isActive: isActive))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        try await importer.delete(context.parameters.require("dataset_id"), user: context.owner)
        return .noContent
    }
}
