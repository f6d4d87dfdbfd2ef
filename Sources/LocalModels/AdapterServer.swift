import AsyncHTTPClient
import Foundation
import Logging
import NIOCore

/// The llama.cpp server: one base model in memory, many adapters, chosen per request.
///
/// llama.cpp fixes its adapters at start, so a new one brings up a second process beside the first;
/// requests move over, the first drains and ends. A process that dies or stops answering is replaced.
public actor AdapterServer {
    /// A place to send one request to; give it back with ``AdapterServer/release(_:)``.
    public struct Lease: Sendable {
        /// Without a trailing slash, e.g. `http://127.0.0.1:40123`.
        public var url: String
        /// llama.cpp's number of the adapter; nil for the bare base.
        public var adapterIndex: Int?
        fileprivate var generation: Int
    }

    private struct Generation {
        var number: Int
        var child: Child
        var url: String
        /// Paths of the loaded adapters; the position is llama.cpp's id.
        var adapters: [String]
        var leases = 0
    }

    /// A server that is not ready by then is given up.
    private static let startLimit: Duration = .seconds(120)

    private let paths: EnginePaths
    private let contextTokens: Int
    private let slots: Int
    private let threads: Int
    private let maxAdapters: Int
    private let client: HTTPClient
    private let logger: Logger

    private var current: Generation?
    private var draining: [Int: Generation] = [:]
    /// Most recently used last.
    private var wanted: [String] = []
    private var starting: Task<Void, any Error>?
    private var watch: Task<Void, Never>?
    private var generations = 0
    private var isStopped = false

    /// - Parameters:
    ///   - contextTokens: context of one slot.
    ///   - slots: requests served at once.
    ///   - maxAdapters: the least recently used beyond this many is not loaded any more.
    public init(
        paths: EnginePaths, contextTokens: Int = 4096, slots: Int = 2, threads: Int = 2, maxAdapters: Int = 16, client: HTTPClient = .shared,
        logger: Logger
    ) {
        self.paths = paths
        self.contextTokens = contextTokens
        self.slots = slots
        self.threads = threads
        self.maxAdapters = maxAdapters
        self.client = client
        self.logger = logger
    }

    /// A running server that has this adapter loaded; starts or switches one where there is none.
    /// - Parameter adapter: a GGUF adapter file, or nil for the base alone.
    public func lease(adapter: URL? = nil) async throws -> Lease {
        let path = adapter?.path
        if let path {
            guard FileManager.default.fileExists(atPath: path) else {
                throw LocalModelError(code: "adapter_missing", message: "the adapter's file is gone", hint: "train the minion again")
            }
            wanted.removeAll { $0 == path }
            wanted.append(path)
        }
        // Twice: the server may die between its start and the lease.
        for _ in 0..<3 {
            if isStopped { throw LocalModelError(code: "server_stopped", message: "the local model server was stopped") }
            if let generation = current, path.map(generation.adapters.contains) ?? true {
                current?.leases += 1
                return Lease(
                    url: generation.url, adapterIndex: path.flatMap { generation.adapters.firstIndex(of: $0) }, generation: generation.number)
            }
            try await start()
        }
        throw LocalModelError(code: "server_unstable", message: "the local model server keeps ending", hint: "see the server's log")
    }

    public func release(_ lease: Lease) async {
        if current?.number == lease.generation {
            current?.leases -= 1
        } else if var old = draining[lease.generation] {
            old.leases -= 1
            draining[lease.generation] = old
            if old.leases <= 0 { await end(old) }
        }
    }

    /// Runs `body` with a lease and gives it back.
    public func withLease<T: Sendable>(adapter: URL? = nil, _ body: @Sendable (Lease) async throws -> T) async throws -> T {
        let lease = try await lease(adapter: adapter)
        do {
            let value = try await body(lease)
            await release(lease)
            return value
        } catch {
            await release(lease)
            throw error
        }
    }

    /// Loads an adapter before it is asked for, so that the first question does not wait.
    public func preload(_ adapter: URL) async throws {
        await release(try await lease(adapter: adapter))
    }

    /// Forgets an adapter whose file is about to be deleted.
    public func forget(under directory: URL) {
        wanted.removeAll { $0.hasPrefix(directory.path) }
    }

    public func stop() async {
        isStopped = true
        watch?.cancel()
        for generation in draining.values { await generation.child.stop() }
        draining = [:]
        await current?.child.stop()
        current = nil
    }

    /// Process id of the serving child, for tests that kill it.
    public var processID: Int32? { current?.child.processID }

    // MARK: - Starting and switching

    private func start() async throws {
        if let starting { return try await starting.value }
        let task = Task { try await bringUp() }
        starting = task
        defer { starting = nil }
        try await task.value
    }

    private func bringUp() async throws {
        if let missing = paths.missing() { throw missing }
        wanted = wanted.filter { FileManager.default.fileExists(atPath: $0) }.suffix(maxAdapters)
        do { try await bringUp(with: wanted) } catch let error as LocalModelError where !wanted.isEmpty && !isStopped {
            // One adapter that llama.cpp refuses must not keep the others, or the base, from being served.
            let suspect = wanted.removeLast()
            logger.error(
                "the local model server does not start with an adapter and is tried without it",
                metadata: ["adapter": "\(suspect)", "cause": "\(error)"])
            try await bringUp(with: wanted)
            throw LocalModelError(code: "adapter_refused", message: "the adapter cannot be loaded: \(error.message)", hint: "train the minion again")
        }
    }

    private func bringUp(with adapters: [String]) async throws {
        struct Ready: Decodable {
            var event: String
            var url: String
        }
        let child = Child(
            paths.command(
                "serve.py",
                [
                    "--model", paths.baseModelGGUF.path, "--host", "127.0.0.1", "--port", "0", "--context", String(contextTokens), "--parallel",
                    String(slots), "--threads", String(threads),
                ] + adapters.flatMap { ["--lora", $0] }))
        var reader = ByteReader(child.output)
        let deadline = Task {
            try await Task.sleep(for: Self.startLimit)
            await child.stop()
        }
        let line = await reader.line()
        deadline.cancel()
        guard let line, let ready = try? JSONDecoder().decode(Ready.self, from: line), ready.event == "ready" else {
            let exit = await child.stop()
            throw LocalModelError(
                code: "server_failed", message: "the local model server did not start: \(exit.lastErrorLine)", hint: "run: make setup")
        }
        if isStopped {
            await child.stop()
            throw LocalModelError(code: "server_stopped", message: "the local model server was stopped")
        }
        generations += 1
        let old = current
        current = Generation(number: generations, child: child, url: ready.url, adapters: adapters)
        logger.info("local model server ready", metadata: ["adapters": "\(adapters.count)", "generation": "\(generations)"])
        watch?.cancel()
        watch = Task { [weak self, number = generations] in await self?.watch(generation: number) }
        if let old {
            if old.leases > 0 { draining[old.number] = old } else { await end(old) }
        }
    }

    private func end(_ generation: Generation) async {
        draining[generation.number] = nil
        await generation.child.stop()
    }

    // MARK: - Health

    /// Waits for the child's end and asks for its health every 5 s; either failing starts another.
    private func watch(generation number: Int) async {
        guard let child = current?.child, let url = current?.url, current?.number == number else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await child.exit }
            group.addTask { [client] in
                var failures = 0
                while !Task.isCancelled, failures < 3 {
                    try? await Task.sleep(for: .seconds(5))
                    var request = HTTPClientRequest(url: url + "/health")
                    request.method = .GET
                    let healthy = (try? await client.execute(request, timeout: .seconds(5)))?.status == .ok
                    failures = healthy ? 0 : failures + 1
                }
            }
            await group.next()
            group.cancelAll()
            // A process that hangs does not end by being waited for.
            if !Task.isCancelled { await child.stop() }
        }
        guard !Task.isCancelled, !isStopped, current?.number == number else { return }
        current = nil
        let exit = await child.stop()
        logger.error("the local model server ended and is started again", metadata: ["cause": "\(exit.lastErrorLine)"])
        do { try await start() } catch { logger.error("the local model server could not be started again: \(error)") }
    }
}
