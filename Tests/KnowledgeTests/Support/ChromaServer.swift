import Foundation
import Knowledge

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A real ChromaDB server on a free port of loopback, gone after `body`.
enum ChromaServer {
    static let program = TestFiles.root.appendingPathComponent(".venv/bin/chroma")
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program.path) }

    struct Failure: Error { var message: String }

    static func with<Result>(_ folder: URL, _ body: (any HTTPExchange) async throws -> Result) async throws -> Result {
        let port = try freePort()
        let process = Process()
        process.executableURL = program
        process.arguments = ["run", "--host", "127.0.0.1", "--port", String(port), "--path", folder.appendingPathComponent("chroma").path]
        process.environment = ProcessInfo.processInfo.environment.merging(["ANONYMIZED_TELEMETRY": "FALSE"]) { $1 }
        process.currentDirectoryURL = folder
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            // A signal that cannot be blocked: the child has the mask of the thread that started it.
            _ = kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        let exchange = Loopback(base: "http://127.0.0.1:\(port)")
        let deadline = ContinuousClock.now + .seconds(60)
        while (try? await exchange.send(method: "GET", path: "/api/v2/heartbeat", body: nil).status) != 200 {
            guard process.isRunning, ContinuousClock.now < deadline else { throw Failure(message: "the Chroma server did not start") }
            try await Task.sleep(for: .milliseconds(100))
        }
        return try await body(exchange)
    }

    private struct Loopback: HTTPExchange {
        let base: String
        func send(method: String, path: String, body: Data?) async throws -> (status: Int, body: Data) {
            var request = URLRequest(url: URL(string: base + path)!)
            request.httpMethod = method
            request.httpBody = body
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            let (data, response) = try await URLSession.shared.data(for: request)
            return ((response as! HTTPURLResponse).statusCode, data)
        }
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0 }
        }
        guard bound else { throw Failure(message: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
