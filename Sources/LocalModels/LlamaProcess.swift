import AsyncHTTPClient
import Foundation
import NIOCore

/// One llama.cpp process, ready to answer.
struct LlamaProcess: Sendable {
    let child: Child
    let url: String

    /// A server that is not ready by then is given up.
    private static let startLimit: Duration = .seconds(120)

    static func start(
        model: URL, alias: String, adapters: [String], limits: AdapterServer.Limits, paths: EnginePaths
    ) async throws -> LlamaProcess {
        struct Line: Decodable {
            var event: String
            var url: String?
            var message: String?
        }
        let child = Child(
            paths.command(
                "serve.py",
                [
                    "--model", model.path, "--alias", alias, "--host", "127.0.0.1", "--port", "0", "--context", String(limits.contextTokens),
                    "--parallel", String(limits.slots), "--threads", String(limits.threads),
                ] + adapters.flatMap { ["--lora", $0] }))
        var reader = ByteReader(child.output)
        let deadline = Task {
            try await Task.sleep(for: startLimit)
            await child.stop()
        }
        let line = await reader.line().flatMap { try? JSONDecoder().decode(Line.self, from: $0) }
        deadline.cancel()
        guard let line, line.event == "ready", let url = line.url else {
            let exit = await child.stop()
            // What llama.cpp says on the way down names the adapter it does not take.
            let cause = [line?.message, adapters.first(where: exit.errorTail.contains), exit.lastErrorLine].compactMap { $0 }.joined(separator: ": ")
            throw LocalModelError(code: "server_failed", message: "the local model server did not start: \(cause)", hint: "run: make setup")
        }
        return LlamaProcess(child: child, url: url)
    }

    /// The adapter that a failed start names, where it names one.
    static func blamed(_ error: LocalModelError, among adapters: [String]) -> String? { adapters.first { error.message.contains($0) } }

    func isHealthy(_ client: HTTPClient) async -> Bool {
        var request = HTTPClientRequest(url: url + "/health")
        request.method = .GET
        return (try? await client.execute(request, timeout: .seconds(5)))?.status == .ok
    }
}
