import Calls
import HTTPTypes
import Hummingbird
import NIOCore
import Releases
import Store

/// `/api/users/{user_id}/adapters`. Files are bodies; what they are stands in the query.
struct AdaptersController: Sendable {
    let store: Store
    let library: AdapterLibrary
    let meter: Meter
    let clients: ClientConnections

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: take)
        group.get("{adapter_id}", use: show)
        group.get("{adapter_id}/peft", use: peft)
        group.get("{adapter_id}/gguf", use: gguf)
        group.get("{adapter_id}/merged", use: merged)
    }

    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).adapters(.from(request)))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await adapter(context))
    }

    /// `?minion_id=…&base_model=…&promote=…`: a zip of a PEFT folder, or a GGUF adapter, as a release of the minion.
    @Sendable func take(_ request: Request, context: OwnerContext) async throws -> Response {
        struct Reply: Encodable {
            var adapter: Adapter
            var release: Release
        }
        let query = request.uri.queryParameters
        guard let minion = query["minion_id"].map(String.init) else {
            throw APIError.invalid([.init(field: "minion_id", code: "invalid", message: "is required", hint: "in the query")])
        }
        _ = try await store.user(context.owner).minion(minion)
        let promotes = try query["promote"].map { text in
            guard let flag = Bool(String(text)) else {
                throw APIError.invalid([.init(field: "promote", code: "invalid", message: "must be true or false")])
            }
            return flag
        }
        let base = query["base_model"].map(String.init)
        if let base, let refused = library.refusal(of: base) {
            throw APIError.invalid([.init(field: "base_model", code: "invalid", message: refused.message, hint: refused.hint)])
        }
        let bytes = try request.upload(upTo: library.maxBytes)
        let room = try await meter.storage(user: context.owner)
        let (adapter, release) = try await clients.whileConnected(context.channel) {
            try await library.take(
                bytes, base: base, minionID: minion, promotes: promotes ?? true, user: context.owner, room: room)
        }
        return .json(Reply(adapter: adapter, release: release), status: .created)
    }

    @Sendable func peft(_ request: Request, context: OwnerContext) async throws -> Response {
        try await file(try await adapter(context), .peft, "zip", context)
    }

    @Sendable func gguf(_ request: Request, context: OwnerContext) async throws -> Response {
        try await file(try await adapter(context), .gguf, "gguf", context)
    }

    /// `?format=hf|gguf`
    @Sendable func merged(_ request: Request, context: OwnerContext) async throws -> Response {
        let adapter = try await adapter(context)
        switch request.uri.queryParameters["format"].map(String.init) ?? "hf" {
        case "hf": return try await file(adapter, .mergedFolder, "zip", context)
        case "gguf": return try await file(adapter, .mergedGGUF, "gguf", context)
        default: throw APIError.invalid([.init(field: "format", code: "invalid", message: "must be one of hf, gguf")])
        }
    }

    private func file(_ adapter: Adapter, _ form: AdapterLibrary.Form, _ ending: String, _ context: OwnerContext) async throws -> Response {
        let room = try await meter.storage(user: context.owner)
        let (file, bytes) = try await clients.whileConnected(context.channel) { try await library.give(adapter, as: form, room: room) }
        try await store.audit.record(.adapterExport, target: adapter.id, of: adapter.userID, ["form": "\(form)"])
        let kind = form == .mergedFolder || form == .mergedGGUF ? "merged" : "adapter"
        return Response(
            status: .ok,
            headers: [
                .contentType: ending == "zip" ? "application/zip" : "application/octet-stream",
                .contentDisposition: "attachment; filename=\"\(adapter.id)-\(kind).\(ending)\"",
            ],
            body: .init(file: file, bytes: bytes))
    }

    private func adapter(_ context: OwnerContext) async throws -> Adapter {
        try await store.user(context.owner).adapter(context.parameters.require("adapter_id"))
    }
}
