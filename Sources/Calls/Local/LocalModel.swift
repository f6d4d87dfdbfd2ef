import Domain
import Files
import Foundation
import LocalModels
import Providers

/// The local model with a user's adapter, asked for whole replies.
package struct LocalModel: Sendable {
    /// Without retries: what is late is given up, not asked for again.
    let router: Router
    let server: AdapterServer

    package init(router: Router, server: AdapterServer) {
        self.router = router.single
        self.server = server
    }

    /// - Parameter limit: for the call, without the time a server may need to start.
    package func reply(
        _ messages: [ChatMessage], _ sampling: Sampling, for user: String, voice: VoiceAdapter, scale: Double, decoding: LocalRoute.Decoding,
        limit: Duration,
        onAttempt: @Sendable @escaping (Attempt) -> Void
    ) async throws -> ChatReply {
        let request = ChatRequest(model: "", messages: messages, sampling: sampling, stream: false)
        return try await LocalLease.run(server, voice: voice, scale: scale) { lease, degraded, _ in
            guard let lease else {
                throw ProviderError(.connection, provider: "local", message: degraded.last?.reason ?? "the local model server cannot be started")
            }
            if let refused = degraded.first, lease.adapterIndex == nil, lease.isLlama { throw LocatedError(refused.reason) }
            let route = LocalRoute.make(lease, for: user, scale: scale, timeLimit: limit, decoding: decoding)
            return try await router.complete(request, routes: [route], onAttempt: onAttempt)
        }
    }
}

/// How a leased local server is addressed.
package enum LocalRoute {
    /// What the model's words are for.
    package enum Decoding {
        /// An answer. A small model falls into loops, so what it has just said counts against saying it again.
        case answering
        /// A text said anew, whose numbers and names must come again word for word.
        case rewriting
    }

    /// - Parameter user: whose call it is: users share the server's slots.
    package static func make(_ lease: AdapterServer.Lease, for user: String, scale: Double, timeLimit: Duration, decoding: Decoding = .answering)
        -> Route
    {
        var route = make(lease, scale: scale, timeLimit: timeLimit, decoding: decoding)
        if let slots = lease.slots {
            route.enter = {
                do {
                    let place = try await slots.enter(user)
                    return { place.leave() }
                } catch let full as FairGate.Full {
                    throw ProviderError(.busy, provider: "local", message: "\(full): wait until some are answered", retryAfter: 1)
                }
            }
        }
        return route
    }

    private static func make(_ lease: AdapterServer.Lease, scale: Double, timeLimit: Duration, decoding: Decoding) -> Route {
        let endpoint = Endpoint(
            baseURL: lease.url + "/v1", key: lease.key.map { Secret($0.reveal()) }, firstTokenTimeout: timeLimit, totalTimeout: timeLimit)
        guard lease.isLlama else { return Route(provider: "local", model: lease.model, endpoint: endpoint) }
        // llama.cpp would reuse the prompt cache of another adapter (ggml-org/llama.cpp#26207).
        var extra: [String: JSONValue] = ["cache_prompt": false]
        if decoding == .answering {
            // Only what it has just said (32 tokens), so that facts further up, in the notes, may still be repeated.
            extra.merge(["dry_multiplier": 0.8, "dry_allowed_length": 3, "dry_penalty_last_n": 32]) { $1 }
        }
        // Adapters that are not listed count as 0, so an empty list is the bare base model.
        extra["lora"] = lease.adapterIndex.map { .array([["id": .int($0), "scale": .double(scale)]]) } ?? .array([])
        return Route(provider: "local", model: lease.model, endpoint: endpoint, extra: extra)
    }
}
