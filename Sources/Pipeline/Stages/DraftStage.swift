import Foundation
import LocalModels
import Providers
import Store

/// Asks the local model with the user's adapter for a first version: the voice.
struct DraftStage: Sendable {
    /// A draft that takes longer is given up; the answer goes on without it.
    static let timeLimit: Duration = .seconds(45)

    /// Without retries: a late draft is given up, not asked for again.
    let router: Router
    let server: AdapterServer
    let data: DataDirectory

    func run(_ question: Question, adapter: Adapter, scale: Double, maxTokens: Int, onAttempt: @Sendable @escaping (Attempt) -> Void) async throws
        -> String
    {
        // The adapter saw conversations of words alone: no system prompt, no tools.
        let request = ChatRequest(
            model: EnginePaths.baseModelName,
            messages: question.messages.filter { ($0.role == .user || $0.role == .assistant) && !$0.content.isEmpty },
            sampling: Sampling(
                temperature: question.sampling.temperature ?? 0, topP: question.sampling.topP, maxTokens: maxTokens, seed: question.sampling.seed),
            stream: true)
        let file = data.url(adapter.path).appending(path: "adapter.gguf")
        return try await server.withLease(adapter: file) { lease in
            let route = LocalRoute.make(lease, scale: scale, timeLimit: Self.timeLimit)
            let reply = try await router.complete(request, routes: [route], onAttempt: onAttempt)
            return reply.text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}

/// How a leased local server is addressed.
enum LocalRoute {
    static func make(_ lease: AdapterServer.Lease, scale: Double, timeLimit: Duration) -> Route {
        var extra: [String: JSONValue] = [
            // llama.cpp would reuse the prompt cache of another adapter (ggml-org/llama.cpp#26207).
            "cache_prompt": false,
            // A small model falls into loops. Only what it has just said counts (32 tokens), so that facts
            // further up, in the notes, may still be repeated word for word.
            "dry_multiplier": 0.8, "dry_allowed_length": 3, "dry_penalty_last_n": 32,
        ]
        // Adapters that are not listed count as 0, so an empty list is the bare base model.
        extra["lora"] = lease.adapterIndex.map { .array([["id": .int($0), "scale": .double(scale)]]) } ?? .array([])
        return Route(
            provider: "local", model: EnginePaths.baseModelName,
            endpoint: Endpoint(baseURL: lease.url + "/v1", firstTokenTimeout: timeLimit, totalTimeout: timeLimit), extra: extra)
    }
}
