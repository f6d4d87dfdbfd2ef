import Configuration
import Foundation
import LocalModels
import Providers
import Store
import SystemPackage
import Training

/// Everything that can be set, from flags, the environment, or a `.env` file, in that order.
/// `docs/operations.md` lists the keys; a test holds that list against this file.
public struct Settings: Sendable {
    /// `ATELIER_HOST`: address to listen on.
    public var host = "127.0.0.1"
    /// `ATELIER_PORT`: port to listen on; 0 chooses a free one.
    public var port = 8080
    /// `ATELIER_DATA_DIR`: the folder everything is kept in.
    public var dataDirectory = "data"
    /// `ATELIER_DATABASE_URL`: `sqlite` for a file in the data directory, or `postgres://user:password@host:port/database`.
    public var databaseURL = Secret("sqlite")
    /// `ATELIER_DATABASE_CONNECTIONS`: connections to PostgreSQL of this process, one for listening beside them.
    public var databaseConnections = 10
    /// `ATELIER_OUTAGE_SECONDS`: how long direct chats go on from memory while the database cannot be reached.
    public var outageSeconds = 300
    /// `ATELIER_WORKER_JOBS`: jobs at once on this machine, its workers together; 0 runs none in this process.
    public var workerJobs = max(1, ProcessInfo.processInfo.activeProcessorCount / 2)
    /// `ATELIER_USER_JOBS`: jobs of one user at once, on all machines; 0 sets no bound.
    public var userJobs = 0
    /// `ATELIER_LEASE_SECONDS`: how long a worker may be silent before another takes its jobs over.
    public var leaseSeconds = 15
    /// `ATELIER_MAX_LOST_WORKERS`: after how many lost workers in a row a job that does not get on is given up.
    public var maxLostWorkers = 5
    /// `ATELIER_RETRAIN_DELAY`: seconds a dataset has to be left alone before jobs with `retrain_on_change` run.
    public var retrainDelay = 30
    /// `ATELIER_KEEP_JOB_DAYS`: how long the unfinished work of failed and stopped jobs is kept, in days.
    public var keepJobDays = 14
    /// `ATELIER_ENGINE_DIR`: the folder with the Python engine's scripts.
    public var engineDirectory = "engine"
    /// `ATELIER_WEB_DIR`: the folder with the page.
    public var webDirectory = "web"
    /// `ATELIER_PYTHON`: the engine's Python.
    public var python = ".venv/bin/python"
    /// `ATELIER_SANDBOX`: `auto` confines children as well as this machine can, `required` refuses to start where it cannot, `off` leaves
    /// it at a clean environment and limits.
    public var sandbox = Sandbox.Mode.auto
    /// `ATELIER_WORKER_MEMORY_MB`: MiB of address space of a child that reads foreign files.
    public var workerMemoryMegabytes = 2048
    /// `ATELIER_CHILD_ENVIRONMENT`: names of environment variables that children get beside the usual ones, with commas.
    public var childEnvironment: [String] = []
    /// `ATELIER_LOG_LEVEL`: trace, debug, info, notice, warning, error or critical.
    public var logLevel = "info"
    /// `ATELIER_REGISTRATION`: `open` lets anybody register, `closed` leaves accounts to the operator's commands. Unset: open to
    /// clients on this machine, and only while the server is for this machine alone.
    public var registration: String?
    /// `ATELIER_ALLOWED_HOSTS`: host names the server answers to beside those it knows itself, without ports; `*` allows all.
    public var allowedHosts: [String] = []
    /// `ATELIER_TRUSTED_PROXIES`: blocks of addresses whose `X-Forwarded-For` is believed.
    public var trustedProxies: [AddressBlock] = []
    /// `ATELIER_METRICS_TOKEN`: bearer token that reads `/metrics` and the details of `/ready` from other machines.
    public var metricsToken = Secret("")
    /// `ATELIER_MAX_CONNECTIONS`: most connections of clients; 0 takes what the process's file descriptors allow.
    public var maxConnections = 0
    /// `ATELIER_MAX_CONNECTIONS_PER_ADDRESS`: most of one client's address (of IPv6, of a /64); 0 takes a quarter of all.
    public var maxConnectionsPerAddress = 0
    /// `ATELIER_IDLE_TIMEOUT`: seconds a connection may wait for its next request.
    public var idleTimeout = 120
    /// `ATELIER_SESSION_HOURS`: how long a log-in lasts.
    public var sessionHours = 168
    /// `ATELIER_SESSION_IDLE_HOURS`: a log-in that was not used for so long is over.
    public var sessionIdleHours = 72
    /// `ATELIER_KEEP_AUDIT_DAYS`: how long entries of the audit log are kept, in days.
    public var keepAuditDays = 365
    /// `ATELIER_MAX_UPLOAD_MB`: largest dataset, in MiB.
    public var maxUploadMegabytes = 512
    /// `ATELIER_ALLOW_PRIVATE_UPSTREAMS`: whether base URLs may lead to loopback and private
    /// addresses. Unset: only while the server itself listens on loopback and no proxy is trusted.
    public var allowPrivateUpstreams: Bool?
    /// `ATELIER_ALLOWED_UPSTREAM_RANGES`: blocks of addresses that base URLs may lead to all the same, in
    /// CIDR notation with commas. Metadata, link-local and reserved addresses only by a block within them.
    public var allowedUpstreamRanges: [AddressBlock] = []
    /// `ATELIER_FIRST_TOKEN_TIMEOUT`: seconds until the first token of a streamed reply.
    public var firstTokenTimeout = 60
    /// `ATELIER_TOTAL_TIMEOUT`: seconds for a whole call to a provider.
    public var totalTimeout = 600
    /// `ATELIER_PROVIDER_WAIT_SECONDS`: the longest wait that a provider may ask a request for; one is waited out, longer ones are the client's.
    public var providerWaitSeconds = 5
    /// `ATELIER_SLOW_CLIENT_SECONDS`: how long a client may leave lying what is sent to it.
    public var slowClientSeconds = 60
    /// `ATELIER_SCRYPT_COST`: log2 of scrypt's work factor for new passwords, 10 to 20.
    public var scryptCost = 15
    /// `ATELIER_LOCAL_THREADS`: threads of the local model server.
    public var localThreads = 2
    /// `ATELIER_LOCAL_BASES`: base models in memory at once; the least recently used makes room.
    public var localBases = 2
    /// `ATELIER_LOCAL_SLOTS`: requests one base model answers at once; a user takes all but one of them at most.
    public var localSlots = 3
    /// `ATELIER_LOCAL_ADAPTERS`: adapters of one base in memory at once; the least recently used makes room.
    public var localAdapters = 128
    /// `ATELIER_ADAPTER_IDLE_MINUTES`: an adapter nobody asked for this long is let go of.
    public var adapterIdleMinutes = 60
    /// `ATELIER_ADAPTER_SERVER_URL`: an OpenAI-compatible server that names adapters as models (vLLM), in place
    /// of the local llama.cpp; unset uses that.
    public var adapterServerURL: String?
    /// `ATELIER_ADAPTER_SERVER_MODEL`: what that server calls an adapter, with `{adapter}` for its id and `{base}`.
    public var adapterServerModel = "{adapter}"
    /// `ATELIER_CACHE_HOURS`: how long an answer may be given again.
    public var cacheHours = 24
    /// `ATELIER_CACHE_MB`: MiB of cached answers of one user; 0 keeps none.
    public var cacheMegabytes = 64
    /// `ATELIER_OTLP_ENDPOINT`: an OpenTelemetry collector that takes traces over HTTP; unset makes none.
    public var otlpEndpoint: String?
    /// `ATELIER_CHROMA_URL`: a ChromaDB server that searches vectors; unset searches the collections' own files.
    public var chromaURL: String?
    /// `ATELIER_WEBHOOK_RETRY_SECONDS`: waits between the attempts to deliver a webhook, in seconds with commas.
    public var webhookWaits = WebhookSender.standardWaits
    /// `ATELIER_IMPORTS`: uploads that are read at once; a user's take all but one at most.
    public var imports = max(2, ProcessInfo.processInfo.activeProcessorCount)
    /// `ATELIER_EXPORTS`: exports that are made at once, merged models among them; a user's take all but one at most.
    public var exports = 2
    /// `ATELIER_TRAINING_PROCESSES`: processes one job may train with.
    public var trainingProcesses = max(2, ProcessInfo.processInfo.activeProcessorCount)
    /// `EXTERNAL_TRAINING_ENABLED`: whether jobs may be started.
    public var trainingEnabled = true
    /// `API_KEY_ENCRYPTION_KEY`: Fernet keys; empty makes one in the data directory.
    public var encryptionKeys = Secret("")
    /// `DEFAULT_PROVIDERS`: ids of the providers on offer, with commas; empty offers all.
    public var defaultProviders: [String] = []

    public init() {}

    /// - Parameters:
    ///   - flags: values from the command line by key, e.g. `atelier.port`.
    /// - Throws: ``SettingsError`` naming the key.
    public static func load(
        flags: [String: String] = [:], environment: [String: String] = ProcessInfo.processInfo.environment, environmentFile: String = ".env"
    ) async throws -> Settings {
        let flagValues = flags.map {
            (AbsoluteConfigKey($0.key.split(separator: ".").map(String.init)), ConfigValue(.string($0.value), isSecret: false))
        }
        let reader = ConfigReader(providers: [
            InMemoryProvider(name: "flags", values: Dictionary(uniqueKeysWithValues: flagValues)),
            EnvironmentVariablesProvider(environmentVariables: environment),
            try await EnvironmentVariablesProvider(environmentFilePath: FilePath(environmentFile), allowMissing: true),
        ])
        var known: Set<String> = []
        func text(_ key: String) -> String? {
            known.insert(SettingsError.variable(key))
            return reader.string(forKey: ConfigKey(key)).flatMap { $0.isEmpty ? nil : $0 }
        }
        func number(_ key: String, _ range: ClosedRange<Int>, _ fallback: Int) throws -> Int {
            guard let value = text(key) else { return fallback }
            guard let number = Int(value), range.contains(number) else {
                throw SettingsError(key: key, message: "\"\(value)\" is not a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        func flag(_ key: String) throws -> Bool? {
            guard let value = text(key)?.lowercased() else { return nil }
            if ["1", "true", "yes", "on"].contains(value) { return true }
            if ["0", "false", "no", "off"].contains(value) { return false }
            throw SettingsError(key: key, message: "\"\(value)\" is neither true nor false")
        }
        func choice(_ key: String, _ choices: [String], _ fallback: String) throws -> String {
            let value = text(key)?.lowercased() ?? fallback
            guard choices.contains(value) else {
                throw SettingsError(key: key, message: "\"\(value)\" is none of \(choices.joined(separator: ", "))")
            }
            return value
        }
        func list(_ key: String) -> [String] {
            (text(key) ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        }
        func blocks(_ key: String) throws -> [AddressBlock] {
            try list(key).map { block in
                guard let range = AddressBlock(block) else {
                    throw SettingsError(key: key, message: "\"\(block)\" is not a block of addresses like 10.1.0.0/16 or fd00::/8")
                }
                return range
            }
        }
        var settings = Settings()
        settings.host = try listeningHost(text("atelier.host") ?? settings.host)
        settings.port = try number("atelier.port", 0...65535, settings.port)
        settings.dataDirectory = text("atelier.data.dir") ?? settings.dataDirectory
        settings.databaseURL = Secret(text("atelier.database.url") ?? "sqlite")
        guard settings.usesSQLite || settings.postgres != nil else {
            // Not quoted: it may hold a password.
            throw SettingsError(
                key: "atelier.database.url", message: "neither \"sqlite\" nor an address like postgres://user:password@host:5432/database")
        }
        settings.databaseConnections = try number("atelier.database.connections", 2...1000, settings.databaseConnections)
        settings.outageSeconds = try number("atelier.outage.seconds", 0...86_400, settings.outageSeconds)
        settings.workerJobs = try number("atelier.worker.jobs", 0...1000, settings.workerJobs)
        settings.userJobs = try number("atelier.user.jobs", 0...1000, settings.userJobs)
        settings.leaseSeconds = try number("atelier.lease.seconds", 3...3600, settings.leaseSeconds)
        settings.maxLostWorkers = try number("atelier.max.lost.workers", 1...1000, settings.maxLostWorkers)
        settings.retrainDelay = try number("atelier.retrain.delay", 0...86_400, settings.retrainDelay)
        settings.keepJobDays = try number("atelier.keep.job.days", 0...3650, settings.keepJobDays)
        settings.engineDirectory = text("atelier.engine.dir") ?? settings.engineDirectory
        settings.webDirectory = text("atelier.web.dir") ?? settings.webDirectory
        settings.python = text("atelier.python") ?? settings.python
        settings.sandbox = Sandbox.Mode(rawValue: try choice("atelier.sandbox", Sandbox.Mode.allCases.map(\.rawValue), settings.sandbox.rawValue))!
        settings.workerMemoryMegabytes = try number("atelier.worker.memory.mb", 512...1_000_000, settings.workerMemoryMegabytes)
        settings.childEnvironment = try list("atelier.child.environment").map(childVariable)
        settings.logLevel = try choice(
            "atelier.log.level", ["trace", "debug", "info", "notice", "warning", "error", "critical"], settings.logLevel)
        if text("atelier.registration") != nil { settings.registration = try choice("atelier.registration", ["open", "closed"], "closed") }
        settings.allowedHosts = try list("atelier.allowed.hosts").map { name in
            guard let host = HostPolicy.setting(name) else {
                throw SettingsError(
                    key: "atelier.allowed.hosts", message: "\"\(name)\" is not a host name like atelier.example.org, without scheme and port")
            }
            return host
        }
        settings.trustedProxies = try blocks("atelier.trusted.proxies").map(trustedProxy)
        settings.metricsToken = Secret(text("atelier.metrics.token") ?? "")
        guard settings.metricsToken.reveal().isEmpty || settings.metricsToken.reveal().utf8.count >= 16 else {
            throw SettingsError(key: "atelier.metrics.token", message: "needs at least 16 characters")
        }
        settings.maxConnections = try number("atelier.max.connections", 0...1_000_000, settings.maxConnections)
        settings.maxConnectionsPerAddress = try number("atelier.max.connections.per.address", 0...1_000_000, settings.maxConnectionsPerAddress)
        settings.idleTimeout = try number("atelier.idle.timeout", 1...86_400, settings.idleTimeout)
        settings.sessionHours = try number("atelier.session.hours", 1...8760, settings.sessionHours)
        settings.sessionIdleHours = try number("atelier.session.idle.hours", 1...8760, settings.sessionIdleHours)
        settings.keepAuditDays = try number("atelier.keep.audit.days", 1...3650, settings.keepAuditDays)
        settings.maxUploadMegabytes = try number("atelier.max.upload.mb", 1...1_000_000, settings.maxUploadMegabytes)
        settings.allowPrivateUpstreams = try flag("atelier.allow.private.upstreams")
        settings.allowedUpstreamRanges = try blocks("atelier.allowed.upstream.ranges")
        settings.firstTokenTimeout = try number("atelier.first.token.timeout", 1...3600, settings.firstTokenTimeout)
        settings.providerWaitSeconds = try number("atelier.provider.wait.seconds", 0...60, settings.providerWaitSeconds)
        settings.totalTimeout = try number("atelier.total.timeout", 1...86400, settings.totalTimeout)
        settings.slowClientSeconds = try number("atelier.slow.client.seconds", 1...3600, settings.slowClientSeconds)
        settings.scryptCost = try number("atelier.scrypt.cost", 10...20, settings.scryptCost)
        settings.localThreads = try number("atelier.local.threads", 1...256, settings.localThreads)
        settings.localBases = try number("atelier.local.bases", 1...64, settings.localBases)
        settings.localSlots = try number("atelier.local.slots", 1...64, settings.localSlots)
        settings.localAdapters = try number("atelier.local.adapters", 1...10_000, settings.localAdapters)
        settings.adapterIdleMinutes = try number("atelier.adapter.idle.minutes", 1...525_600, settings.adapterIdleMinutes)
        settings.adapterServerURL = try text("atelier.adapter.server.url").map {
            try address($0, key: "atelier.adapter.server.url", example: "http://localhost:8000")
        }
        settings.adapterServerModel = text("atelier.adapter.server.model") ?? settings.adapterServerModel
        guard settings.adapterServerModel.contains("{adapter}") else {
            throw SettingsError(key: "atelier.adapter.server.model", message: "\"\(settings.adapterServerModel)\" does not hold {adapter}")
        }
        settings.cacheHours = try number("atelier.cache.hours", 1...8760, settings.cacheHours)
        settings.cacheMegabytes = try number("atelier.cache.mb", 0...1_000_000, settings.cacheMegabytes)
        settings.otlpEndpoint = try text("atelier.otlp.endpoint").map {
            try address($0, key: "atelier.otlp.endpoint", example: "http://localhost:4318")
        }
        settings.chromaURL = try text("atelier.chroma.url").map { try address($0, key: "atelier.chroma.url", example: "http://localhost:8000") }
        settings.webhookWaits =
            try text("atelier.webhook.retry.seconds").map { list in
                let waits = list.split(separator: ",").map { Double($0.trimmingCharacters(in: .whitespaces)) }
                guard (1...20).contains(waits.count), waits.allSatisfy({ $0.map { (0...86400).contains($0) } ?? false }) else {
                    throw SettingsError(
                        key: "atelier.webhook.retry.seconds",
                        message: "\"\(list)\" is not a list of 1 to 20 waits from 0 to 86400 seconds like 5,30,120")
                }
                return waits.compactMap { $0 }
            } ?? settings.webhookWaits
        settings.imports = try number("atelier.imports", 1...1000, settings.imports)
        settings.exports = try number("atelier.exports", 1...1000, settings.exports)
        settings.trainingProcesses = try number("atelier.training.processes", 1...64, min(64, settings.trainingProcesses))
        settings.trainingEnabled = try flag("external.training.enabled") ?? settings.trainingEnabled
        settings.encryptionKeys = Secret(text("api.key.encryption.key") ?? "")
        settings.defaultProviders = list("default.providers")
        let named = environment.filter { !$0.value.isEmpty }.map(\.key) + SettingNames.inFile(environmentFile)
        try SettingNames.check(named, known: known.union(settings.childEnvironment))
        return settings
    }

    /// An address with scheme and host, and with nothing secret in it: it may end up in a log.
    private static func address(_ text: String, key: String, example: String) throws -> String {
        if let problem = UpstreamURL.problem(text) { throw SettingsError(key: key, message: "not an address like \(example): it \(problem)") }
        return text
    }

    /// Whether rows are in a file of the data directory.
    var usesSQLite: Bool { databaseURL.reveal() == "sqlite" }

    /// Where rows are otherwise; nil for an address that cannot be read.
    var postgres: PostgresAddress? { PostgresAddress(databaseURL.reveal()) }

    /// Whether only this machine can connect to the server. Others may still reach it through a proxy on this machine.
    package var listensOnLoopback: Bool { host == "localhost" || NetworkAddress(host)?.isLoopback == true }

    /// Whether nobody but this machine's users can be meant to reach the server: what may then be open by default is closed otherwise.
    package var servesThisMachineOnly: Bool { listensOnLoopback && trustedProxies.isEmpty }

    package var reachesPrivateUpstreams: Bool { allowPrivateUpstreams ?? servesThisMachineOnly }
}

/// A setting that cannot be used.
public struct SettingsError: Error, Sendable, CustomStringConvertible {
    public var key: String
    public var message: String
    public var description: String { "\(Self.variable(key)): \(message)" }

    /// The environment variable of a key.
    static func variable(_ key: String) -> String { key.uppercased().replacingOccurrences(of: ".", with: "_") }
}
