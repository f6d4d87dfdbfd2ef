import Calls
import Domain
import Foundation
import Hummingbird
import Providers
import Store

/// `/v1/models`: what a minion token may use, in the form of the vendor whose client asks.
struct ModelsController: Sendable {
    let embedding: TextEmbedding
    let meter: Meter

    func routes(_ group: RouterGroup<AppContext>) {
        group.get("models", use: list)
        group.get("models/{model}", use: show)
    }

    @Sendable func list(_ request: Request, context: AppContext) async throws -> Response {
        let minion = try context.minionSnapshot(request).minion
        // Anthropic offers no embeddings, and its clients know no models of that kind.
        if AnthropicErrorReply.speaks(request) {
            let entry = AnthropicModels.entry(minion)
            return .json(["data": [entry], "has_more": false, "first_id": entry["id"] ?? .null, "last_id": entry["id"] ?? .null])
                .adding(try await headers(minion))
        }
        let names = [minion.displayName] + embedding.models(minion)
        return .json(["object": "list", "data": .array(names.map { Self.entry($0, minion) })])
            .adding(try await headers(minion))
    }

    @Sendable func show(_ request: Request, context: AppContext) async throws -> Response {
        let snapshot = try context.minionSnapshot(request)
        let minion = snapshot.minion
        let name = try context.parameters.require("model").removingPercentEncoding ?? ""
        if snapshot.names.contains(name) {
            return .json(AnthropicErrorReply.speaks(request) ? AnthropicModels.entry(minion) : Self.entry(minion.displayName, minion))
                .adding(try await headers(minion))
        }
        guard !AnthropicErrorReply.speaks(request), embedding.models(minion).contains(name) else {
            throw OpenAIErrorReply.unknownModel(name, minion)
        }
        return .json(Self.entry(name, minion)).adding(try await headers(minion))
    }

    /// What is left of the minion's rates; a list spends nothing.
    private func headers(_ minion: Minion) async throws -> [(String, String)] {
        try await meter.headers(user: minion.userID, minion: minion.id)
    }

    private static func entry(_ name: String, _ minion: Minion) -> JSONValue {
        ["id": .string(name), "object": "model", "created": .int(Int(minion.createdAt.timeIntervalSince1970)), "owned_by": "atelier"]
    }
}
