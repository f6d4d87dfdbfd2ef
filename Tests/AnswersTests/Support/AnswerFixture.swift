import Calls
import Domain
import Files
import Foundation
import LocalModels
import Providers
import Store
import Synchronization
import TestMeters

@testable import Answers

/// A provider whose replies a test says.
final class SaidProvider: Provider {
    let info: ProviderInfo
    private let replies: Mutex<[Result<[ChatEvent], ProviderError>]>
    private let asked = Mutex<[ChatRequest]>([])

    /// - Parameter replies: one a call; the last one again and again.
    init(_ id: String, _ replies: [Result<[ChatEvent], ProviderError>]) {
        info = ProviderInfo(id: id, name: id, defaultBaseURL: "http://127.0.0.1:9", needsKey: false)
        self.replies = Mutex(replies)
    }

    static func saying(_ text: String) -> Result<[ChatEvent], ProviderError> {
        .success([.model("said"), .text(text), .usage(TokenUsage(input: 5, output: 2)), .finish(.stop)])
    }

    var requests: [ChatRequest] { asked.withLock { $0 } }

    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        asked.withLock { $0.append(request) }
        let reply = replies.withLock { $0.count > 1 ? $0.removeFirst() : $0.first }
        return AsyncThrowingStream { stream in
            switch reply {
            case .success(let events):
                for event in events { stream.yield(event) }
                stream.finish()
            case .failure(let error): stream.finish(throwing: error)
            // Never answers.
            case nil: break
            }
        }
    }
}

/// A pipeline over real rows and a real meter; no child process runs.
struct AnswerFixture {
    let metered: MeteredStore
    let rows: UserStore
    let pipeline: AnswerPipeline

    static func run(_ providers: [SaidProvider], _ body: (AnswerFixture) async throws -> Void) async throws {
        try await MeteredStore.run { metered in
            let data = try DataDirectory(metered.folder.appending(path: "data"))
            let nowhere = metered.folder.appending(path: "nowhere")
            let paths = EnginePaths(python: nowhere, scripts: nowhere, models: nowhere)
            let registry = ProviderRegistry(providers)
            let catalog = ProviderCatalog(store: metered.store, standard: registry, transport: HTTPTransport())
            let caller = ModelCaller(
                store: metered.store, catalog: catalog, router: Router(registry: registry, retry: .never), meter: metered.meter)
            let server = AdapterServer(paths: paths, client: HTTPClients.plain, logger: MeteredStore.logger)
            let embedder = QueryEmbedder(paths: paths, logger: MeteredStore.logger)
            let search = CollectionSearch(
                library: CollectionLibrary(), data: data, embedder: embedder, server: nil, providers: ProviderEmbedding(caller: caller),
                expansion: QueryExpansion(caller: caller, server: server))
            let cache = ResponseCache(store: metered.store, catalog: catalog, bounds: ResponseCacheBounds(), logger: MeteredStore.logger)
            let pipeline = AnswerPipeline(
                caller: caller, data: data, server: server, cache: cache, search: search, embedder: embedder, logger: MeteredStore.logger)
            try await body(AnswerFixture(metered: metered, rows: try await metered.user(), pipeline: pipeline))
        }
    }

    func minion(_ provider: String, _ change: (inout MinionDraft) -> Void = { _ in }) async throws -> Minion {
        var draft = MinionDraft(name: "m", displayName: "M", provider: provider, modelID: "model", systemPrompt: "Be brief.")
        change(&draft)
        return try await rows.createMinion(draft)
    }

    func question(_ text: String = "Why?", stream: Bool = false) -> Question {
        Question(messages: [ChatMessage(.user, text)], stream: stream)
    }

    /// The usage so far, oldest first.
    func records() async throws -> [UsageRecord] {
        try await metered.journal.flush()
        return try await rows.usage().items.reversed()
    }

    /// Dollars and requests that are still reserved.
    func reserved() async throws -> Double? {
        try await metered.meter.report(user: rows.userID).user.limits.first { $0.name == .concurrentRequests }?.used
    }
}
