import AsyncHTTPClient
import Domain
import Foundation
import Logging
import NIOCore

/// llama.cpp with one base model and the adapters that are asked for.
///
/// llama.cpp fixes its adapters at start, so a new one brings up a second process beside the first;
/// requests move over, the first drains and ends. All that are asked for while one starts come with the
/// next. A process that dies or stops answering is replaced.
actor BaseServer {
    private struct Generation {
        var number: Int
        var process: LlamaProcess
        /// Paths of the loaded adapters; the position is llama.cpp's id.
        var adapters: [String]
        var leases = 0
    }

    /// Requests that arrive together get their adapters with one start.
    private static let gathering: Duration = .milliseconds(20)
    /// Old processes that still answer; another start waits for one of them.
    private static let mostDraining = 2

    private let name: String
    private let model: URL
    private let paths: EnginePaths
    private let limits: AdapterServer.Limits
    private let client: HTTPClient
    private let logger: Logger

    private var current: Generation?
    private var draining: [Int: Generation] = [:]
    private var wanted: AdapterDemand
    private var starting: Task<Void, any Error>?
    private var watch: Task<Void, Never>?
    private var generations = 0
    /// Leases that are being taken: what they ask for must not be let go of before they have it.
    private var asking = 0
    private var isStopped = false
    private var drained: [CheckedContinuation<Void, Never>] = []

    init(name: String, model: URL, paths: EnginePaths, limits: AdapterServer.Limits, client: HTTPClient, logger: Logger) {
        self.name = name
        self.model = model
        self.paths = paths
        self.limits = limits
        self.client = client
        self.logger = logger
        wanted = AdapterDemand(capacity: limits.adapters)
    }

    var processID: Int32? { current?.process.child.processID }
    var loaded: [String] { current?.adapters ?? [] }

    /// - Parameter adapter: the path of a file that is there.
    func lease(adapter: String?) async throws -> AdapterServer.Lease {
        asking += 1
        defer {
            asking -= 1
            // A start may take longer than an adapter may be idle.
            if let adapter, wanted.holds(adapter) { wanted.ask(adapter, at: .now) }
        }
        if let adapter { wanted.ask(adapter, at: .now) }
        // Several times: the server may die between its start and the lease, and a start under way was begun without this adapter.
        for _ in 0..<5 {
            if isStopped { throw LocalModelError(code: .serverStopped, message: "the local model server was stopped") }
            if let generation = current, adapter.map(generation.adapters.contains) ?? true {
                current?.leases += 1
                return AdapterServer.Lease(
                    url: generation.process.url, model: name, adapterIndex: adapter.flatMap { generation.adapters.firstIndex(of: $0) },
                    key: generation.process.key, base: name, generation: generation.number)
            }
            try Task.checkCancellation()
            try await start()
        }
        throw LocalModelError(
            code: .serverUnstable, message: "the local model server keeps ending, or more adapters are asked for at once than it may load",
            hint: "see the server's log, or raise ATELIER_LOCAL_ADAPTERS")
    }

    func release(_ lease: AdapterServer.Lease) async {
        if current?.number == lease.generation {
            current?.leases -= 1
        } else if var old = draining[lease.generation] {
            old.leases -= 1
            draining[lease.generation] = old
            if old.leases <= 0 { await end(old) }
        }
    }

    func forget(under directory: String) { wanted.forget { $0.hasPrefix(directory) } }

    func stop() async {
        isStopped = true
        watch?.cancel()
        for waiter in drained { waiter.resume() }
        drained = []
        for generation in draining.values { await generation.process.child.stop() }
        draining = [:]
        await current?.process.child.stop()
        current = nil
    }

    /// Whether that process is gone. Asked when a request along it has failed, which may be before its end is noticed here.
    func hasEnded(_ number: Int) async -> Bool {
        if draining[number] != nil { return false }
        guard let generation = current, generation.number == number else { return true }
        if await generation.process.isHealthy(client) { return false }
        guard current?.number == number else { return true }
        await lost(generation)
        return true
    }

    // MARK: - Starting and switching

    private func start() async throws {
        if let starting { return try await starting.value }
        let task = Task {
            // Before anybody who waits for it goes on: one who finds a start that is over would take it for one under way.
            defer { starting = nil }
            try await Task.sleep(for: Self.gathering)
            try await bringUp()
        }
        starting = task
        try await task.value
    }

    private func bringUp() async throws {
        if let missing = paths.missing() { throw missing }
        while draining.count >= Self.mostDraining, !isStopped { await withCheckedContinuation { drained.append($0) } }
        let adapters = wanted.toLoad()
        do { try await bringUp(with: adapters) } catch let failure as LlamaProcess.StartFailure {
            guard let last = adapters.last, !isStopped else { throw failure.error }
            // One adapter that llama.cpp refuses must not keep the others, or the base, from being served.
            let suspect = failure.blamed ?? last
            wanted.forget { $0 == suspect }
            logger.error(
                "the local model server does not start with an adapter and is tried without it",
                metadata: ["adapter": "\(suspect)", "cause": "\(failure.error)"])
            do { try await bringUp(with: adapters.filter { $0 != suspect }) } catch let again as LlamaProcess.StartFailure { throw again.error }
            throw LocalModelError(
                code: .adapterRefused, message: "the adapter cannot be loaded: \(failure.error.message)", hint: "train the minion again")
        }
    }

    private func bringUp(with adapters: [String]) async throws {
        let process = try await LlamaProcess.start(model: model, alias: name, adapters: adapters, limits: limits, paths: paths)
        if isStopped {
            await process.child.stop()
            throw LocalModelError(code: .serverStopped, message: "the local model server was stopped")
        }
        generations += 1
        let old = current
        current = Generation(number: generations, process: process, adapters: adapters)
        logger.info(
            "local model server ready", metadata: ["model": "\(name)", "adapters": "\(adapters.count)", "generation": "\(generations)"])
        watch?.cancel()
        watch = Task { [weak self, number = generations] in await self?.watch(generation: number) }
        if let old {
            if old.leases > 0 { draining[old.number] = old } else { await end(old) }
        }
    }

    private func end(_ generation: Generation) async {
        draining[generation.number] = nil
        for waiter in drained { waiter.resume() }
        drained = []
        await generation.process.child.stop()
    }

    // MARK: - Health

    /// Waits for the child's end and asks for its health every 5 s; either failing starts another. Lets go of idle adapters on the way.
    private func watch(generation number: Int) async {
        guard let process = current?.process, current?.number == number else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await process.child.exit }
            group.addTask { [client, limits, weak self] in
                var failures = 0
                while !Task.isCancelled, failures < 3 {
                    try? await Task.sleep(for: min(.seconds(5), limits.adapterIdle))
                    failures = await process.isHealthy(client) ? 0 : failures + 1
                    await self?.trim(number)
                }
            }
            await group.next()
            group.cancelAll()
            // A process that hangs does not end by being waited for.
            if !Task.isCancelled { await process.child.stop() }
        }
        guard !Task.isCancelled, !isStopped, let generation = current, generation.number == number else { return }
        await lost(generation)
        do { try await start() } catch { logger.error("the local model server could not be started again: \(error)") }
    }

    private func lost(_ generation: Generation) async {
        current = nil
        let exit = await generation.process.child.stop()
        logger.error("the local model server ended and is started again", metadata: ["model": "\(name)", "cause": "\(exit.lastErrorLine)"])
    }

    /// Starts a server without the adapters that nobody has asked for in a while, when nobody is being answered.
    private func trim(_ number: Int) {
        guard let generation = current, generation.number == number, generation.leases == 0, asking == 0, starting == nil, !isStopped else { return }
        let idle = wanted.dropIdle(longerThan: limits.adapterIdle, at: .now)
        guard idle.contains(where: generation.adapters.contains) else { return }
        logger.info("idle adapters are let go of", metadata: ["model": "\(name)", "adapters": "\(idle.count)"])
        // In a task of its own: the start ends the watch that found them.
        Task { try? await self.start() }
    }
}
