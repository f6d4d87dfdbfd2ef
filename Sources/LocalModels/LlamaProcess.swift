import AsyncHTTPClient
import Domain
import Foundation
import NIOCore

/// One llama.cpp process, ready to answer.
struct LlamaProcess: Sendable {
    let child: Child
    let url: String
    /// Every request must bring it: loopback is open to all users of the machine.
    let key: LocalKey

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
        let key = LocalKey()
        let child = Child(
            paths.command(
                "serving/serve.py",
                [
                    "--model", model.path, "--alias", alias, "--host", "127.0.0.1", "--port", "0", "--context", String(limits.contextTokens),
                    "--parallel", String(limits.slots), "--threads", String(limits.threads), "--key-from-stdin",
                ] + adapters.flatMap { ["--lora", $0] },
                Confinement(
                    reads: [model] + adapters.map { URL(filePath: $0) }, network: .listen, usesAccelerator: true,
                    limits: ChildLimits(fileBytes: 1 << 20, openFiles: 4096, processes: 0))))
        // Not among the arguments, which all users of the machine can read.
        child.write(Data("\(key.reveal())\n".utf8))
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
            let blamed = adapters.first(where: exit.errorTail.contains)
            let cause = [line?.message, blamed, exit.lastErrorLine].compactMap { $0 }.joined(separator: ": ")
            throw StartFailure(
                error: LocalModelError(code: .serverFailed, message: "the local model server did not start: \(cause)", hint: "run: make setup"),
                blamed: blamed)
        }
        child.output.discard()
        return LlamaProcess(child: child, url: url, key: key)
    }

    /// It did not start.
    struct StartFailure: Error {
        var error: LocalModelError
        /// The adapter that llama.cpp has named on its way down, where it named one.
        var blamed: String?
    }

    func isHealthy(_ client: HTTPClient) async -> Bool {
        var request = HTTPClientRequest(url: url + "/health")
        request.method = .GET
        return (try? await client.execute(request, timeout: .seconds(5)))?.status == .ok
    }
}

/// The key of one local model server: random, known to that server and to us, and gone with it.
public struct LocalKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    init() {
        var generator = SystemRandomNumberGenerator()
        value = (0..<4).map { _ in String(format: "%016llx", generator.next() as UInt64) }.joined()
    }

    /// The only way to the plaintext.
    public func reveal() -> String { value }
    public var description: String { "‹key›" }
    public var debugDescription: String { "‹key›" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}
