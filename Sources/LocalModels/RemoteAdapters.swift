import AsyncHTTPClient
import Foundation
import Logging
import NIOCore

/// A server of the operator's in place of llama.cpp: any that speaks OpenAI's API and names adapters as
/// models, as vLLM does (https://docs.vllm.ai/en/stable/features/lora.html).
///
/// Where it offers `POST /v1/load_lora_adapter`, an adapter is loaded when it is first asked for, from its
/// PEFT folder, which the server must see under the same path; where it does not, the operator has loaded
/// them under the names the template gives.
public actor RemoteAdapters {
    private let url: String
    private let template: String
    private let client: HTTPClient
    private let logger: Logger
    /// Names by folder.
    private var loaded: [String: String] = [:]
    private var loading: [String: Task<Void, any Error>] = [:]

    /// - Parameters:
    ///   - url: without `/v1` and trailing slash.
    ///   - client: one that follows no redirects: what is loaded must come from the server that was named.
    ///   - template: the name of an adapter's model, with `{adapter}` for its id and `{base}` for its base's name.
    public init(url: String, template: String = "{adapter}", client: HTTPClient, logger: Logger) {
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.template = template
        self.client = client
        self.logger = logger
    }

    func lease(adapter: URL?, base: String) async throws -> AdapterServer.Lease {
        var model = base
        if let folder = adapter?.deletingLastPathComponent() {
            model = template.replacing("{adapter}", with: folder.lastPathComponent).replacing("{base}", with: base)
            try await load(model, folder.appending(path: "peft").path)
        }
        return AdapterServer.Lease(url: url, model: model, adapterIndex: nil, isLlama: false, base: base, generation: 0)
    }

    func forget(under directory: String) async {
        for (folder, model) in loaded where folder.hasPrefix(directory) {
            loaded[folder] = nil
            do { _ = try await post("unload_lora_adapter", ["lora_name": model]) } catch {
                logger.warning("the adapter server has not unloaded \(model): \(error)")
            }
        }
    }

    private func load(_ model: String, _ folder: String) async throws {
        if loaded[folder] == model { return }
        if let loading = loading[folder] { return try await loading.value }
        let task = Task { try await self.request(model, folder) }
        loading[folder] = task
        defer { loading[folder] = nil }
        try await task.value
        loaded[folder] = model
    }

    private func request(_ model: String, _ folder: String) async throws {
        let (status, body) = try await post("load_lora_adapter", ["lora_name": model, "lora_path": folder])
        switch status {
        // Without that route the operator loads adapters; and one that is there already is there.
        case 200, 404, 405: return
        // It refuses what it has: another server of ours may have loaded it.
        case 400 where await lists(model): return
        default:
            throw LocalModelError(
                code: .adapterRefused, message: "the adapter server does not load \(model): \(status) \(body.prefix(200))",
                hint: "it must see the data directory under the same path")
        }
    }

    /// Whether the server offers the model by this name.
    private func lists(_ model: String) async -> Bool {
        struct Models: Decodable {
            struct Model: Decodable { var id: String }
            var data: [Model]
        }
        guard let request = try? HTTPClient.Request(url: "\(url)/v1/models"), let (status, body) = try? await send(request, maxBytes: 4 << 20) else {
            return false
        }
        return status == 200 && ((try? JSONDecoder().decode(Models.self, from: Data(body.utf8)))?.data.contains { $0.id == model } ?? false)
    }

    private func post(_ path: String, _ fields: [String: String]) async throws -> (status: Int, body: String) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = HTTPClient.Body.data(try encoder.encode(fields))
        do {
            let request = try HTTPClient.Request(
                url: "\(url)/v1/\(path)", method: .POST, headers: ["content-type": "application/json"], body: body)
            return try await send(request, maxBytes: 1 << 16)
        } catch is CancellationError { throw CancellationError() } catch {
            throw LocalModelError(
                code: .adapterServerDown, message: "the adapter server does not answer: \(error)", hint: "see ATELIER_ADAPTER_SERVER_URL")
        }
    }

    private func send(_ request: HTTPClient.Request, maxBytes: Int) async throws -> (status: Int, body: String) {
        // The deadline covers the reply's body, as that of the client's streaming interface does not.
        let task = client.execute(
            request: request, delegate: ResponseAccumulator(request: request, maxBodySize: maxBytes), deadline: .now() + .seconds(60))
        let reply = try await task.futureResult.get()
        return (Int(reply.status.code), reply.body.map { String(buffer: $0) } ?? "")
    }
}
