import AsyncHTTPClient
import Domain
import Foundation
import Logging

/// The local models: one llama.cpp server a base model, each with many users' adapters, chosen per request.
///
/// A bounded number of bases is in memory, the least recently used makes room for another. What is asked of
/// llama.cpp goes to a server of the operator's instead where one is set that names adapters as models
/// (``RemoteAdapters``).
public actor AdapterServer {
    /// A place to send one request to; give it back with ``AdapterServer/release(_:)``.
    public struct Lease: Sendable {
        /// Without a trailing slash, e.g. `http://127.0.0.1:40123`.
        public var url: String
        /// What the server calls the model: the base's name, of a remote server the adapter's.
        public var model: String
        /// llama.cpp's number of the adapter; nil for the bare base.
        public var adapterIndex: Int?
        /// What every request to it has to bring; nil of a remote server.
        public var key: LocalKey?
        /// Whether it is llama.cpp, which takes scales and other fields of its own.
        public var isLlama = true
        /// Places for calls along it; nil where what answers is not of this machine.
        public var slots: FairGate?
        var base: String
        var generation: Int
    }

    /// What the local models may take of the machine.
    public struct Limits: Sendable {
        /// Context of one slot.
        public var contextTokens = 4096
        /// Requests served at once by one base; a single user's take all but one.
        public var slots = 3
        public var threads = 2
        /// The least recently used adapter beyond this many is not loaded any more. 10 MiB each for the default base at rank 16 and 16 bits.
        public var adapters = 128
        /// An adapter nobody asked for this long is let go of when its server is idle.
        public var adapterIdle = Duration.seconds(3600)
        /// Base models in memory at once.
        public var bases = 2

        public init(
            contextTokens: Int = 4096, slots: Int = 3, threads: Int = 2, adapters: Int = 128, adapterIdle: Duration = .seconds(3600), bases: Int = 2
        ) {
            self.contextTokens = contextTokens
            self.slots = slots
            self.threads = threads
            self.adapters = adapters
            self.adapterIdle = adapterIdle
            self.bases = bases
        }
    }

    private struct Base {
        var server: BaseServer
        /// Leases of it that are held or being taken.
        var users = 0
    }

    private let paths: EnginePaths
    private let limits: Limits
    private let remote: RemoteAdapters?
    private let client: HTTPClient
    private let logger: Logger
    private var bases: [String: Base] = [:]
    /// As many as there are base models.
    private var slots: [String: FairGate] = [:]
    /// Calls of one user that may wait for a slot.
    private static let mostWaiting = 64
    /// Most recently used last.
    private var order: [String] = []
    /// Who waits for a base to be idle.
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var isStopped = false

    /// - Parameters:
    ///   - remote: takes the place of llama.cpp.
    ///   - client: asks the children whether they are well.
    public init(paths: EnginePaths, limits: Limits = Limits(), remote: RemoteAdapters? = nil, client: HTTPClient, logger: Logger) {
        self.paths = paths
        self.limits = limits
        self.remote = remote
        self.client = client
        self.logger = logger
    }

    /// A running server that has this adapter loaded; starts or switches one where there is none.
    /// - Parameters:
    ///   - adapter: a GGUF adapter file, or nil for the base alone.
    ///   - base: the model it was trained on, by its name in `models/`.
    /// - Throws: ``LocalModelError``.
    public func lease(adapter: URL? = nil, base: String = EnginePaths.baseModelName) async throws -> Lease {
        if isStopped { throw LocalModelError(code: .serverStopped, message: "the local model server was stopped") }
        if let adapter, !FileManager.default.fileExists(atPath: adapter.path) {
            throw LocalModelError(code: .adapterMissing, message: "the adapter's file is gone", hint: "train the minion again")
        }
        if let remote { return try await remote.lease(adapter: adapter, base: base) }
        let server = try await server(base)
        do {
            var lease = try await server.lease(adapter: adapter?.path)
            lease.slots = slots(of: base)
            return lease
        } catch {
            left(base)
            throw error
        }
    }

    private func slots(of base: String) -> FairGate {
        if let gate = slots[base] { return gate }
        let gate = FairGate("local_slots", places: limits.slots, mostWaiting: Self.mostWaiting)
        slots[base] = gate
        return gate
    }

    public func release(_ lease: Lease) async {
        guard lease.isLlama, let server = bases[lease.base]?.server else { return }
        await server.release(lease)
        left(lease.base)
    }

    /// Runs `body` with a lease and gives it back.
    public func withLease<T: Sendable>(
        adapter: URL? = nil, base: String = EnginePaths.baseModelName, _ body: @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await lease(adapter: adapter, base: base)
        do {
            let value = try await body(lease)
            await release(lease)
            return value
        } catch {
            await release(lease)
            throw error
        }
    }

    /// Whether the server behind a lease has ended under it. One that has is replaced, and what it had not
    /// begun to answer can be asked of the next.
    public func hasEnded(_ lease: Lease) async -> Bool {
        guard lease.isLlama, !isStopped else { return false }
        guard let server = bases[lease.base]?.server else { return true }
        return await server.hasEnded(lease.generation)
    }

    /// Loads an adapter before it is asked for, so that the first question does not wait.
    public func preload(_ adapter: URL, base: String = EnginePaths.baseModelName) async throws {
        await release(try await lease(adapter: adapter, base: base))
    }

    /// Forgets an adapter whose file is about to be deleted.
    public func forget(under directory: URL) async {
        for base in bases.values { await base.server.forget(under: directory.path) }
        await remote?.forget(under: directory.path)
    }

    public func stop() async {
        isStopped = true
        for waiter in waiters { waiter.resume() }
        waiters = []
        for base in bases.values { await base.server.stop() }
        bases = [:]
    }

    /// Process id of the base's serving child, for tests that kill it.
    public func processID(_ base: String = EnginePaths.baseModelName) async -> Int32? { await bases[base]?.server.processID }

    /// The base models in memory, the least recently used first, for tests.
    public var loadedBases: [String] { order }

    /// Files of the adapters in memory, for tests.
    public func loadedAdapters(_ base: String = EnginePaths.baseModelName) async -> [String] { await bases[base]?.server.loaded ?? [] }

    // MARK: - Bases

    /// The base's server, counted as used from here on.
    private func server(_ base: String) async throws -> BaseServer {
        while bases[base] == nil, bases.count >= limits.bases {
            guard let idle = order.first(where: { bases[$0]?.users == 0 }), let old = bases.removeValue(forKey: idle) else {
                await withCheckedContinuation { waiters.append($0) }
                if isStopped { throw LocalModelError(code: .serverStopped, message: "the local model server was stopped") }
                continue
            }
            order.removeAll { $0 == idle }
            logger.info("a base model makes room for another", metadata: ["old": "\(idle)", "new": "\(base)"])
            await old.server.stop()
        }
        order.removeAll { $0 == base }
        order.append(base)
        if bases[base] == nil {
            // What can be found is servable, and what is servable has a file to serve.
            let model = try BaseModels(paths: paths).find(base == EnginePaths.baseModelName ? nil : base)
            bases[base] = Base(server: BaseServer(name: base, model: model.serving!, paths: paths, limits: limits, client: client, logger: logger))
        }
        bases[base]!.users += 1
        return bases[base]!.server
    }

    private func left(_ base: String) {
        bases[base]?.users -= 1
        guard bases[base]?.users == 0 else { return }
        for waiter in waiters { waiter.resume() }
        waiters = []
    }
}
