import Answers
import AsyncHTTPClient
import Calls
import Files
import Foundation
import Hummingbird
import HummingbirdCore
import Knowledge
import LocalModels
import Logging
import NIOCore
import Providers
import Releases
import ServiceLifecycle
import Store
import Training

/// The server: all wiring and the route table. The only file that sees every part.
public struct App: Sendable {
    public let store: Store
    public let settings: Settings
    public let worker: JobWorker
    public let server: AdapterServer
    public let engine: EnginePaths
    let data: DataDirectory
    /// Room for what must work on a full disk; nil where rows are not on the data directory's.
    let reserve: DiskReserve?
    /// Nil for a worker: any number of them may use the data directory.
    let lock: DataDirectoryLock?
    let scheduler: JobScheduler
    let library: CollectionLibrary
    let embedder: QueryEmbedder
    let parser: EngineDocumentParser
    /// Nil where vectors are searched in the collections' own files alone.
    let vectors: VectorServer?
    let search: CollectionSearch
    let addresses: AddressPolicy
    let catalog: ProviderCatalog
    public let journal: UsageJournal
    public let meter: Meter
    let health: RouterHealth
    let answers: AnswerPipeline
    let snapshots: MinionSnapshots
    let clients: ClientConnections
    /// One-time sign-in links, made by commands that run in the server's own process.
    public let links = SignInLinks()
    let importer: DatasetImporter
    /// Shared by all who import, and by all who export.
    let imports: FairGate
    let exports: FairGate
    let webhooks: WebhookSender
    let telemetry: Telemetry
    /// Nil where no traces are wanted.
    let exporter: SpanExporter?
    let logger: Logger

    /// Opens the data directory, brings the database up to date, and joins the parts. Nothing listens
    /// and no child runs yet.
    /// - Throws: ``SettingsError``, ``LocatedError`` when another server uses the data directory.
    public static func build(_ settings: Settings, role: Role = .server, logger: Logger) async throws -> App {
        let data = try dataDirectory(settings)
        let reserve = reserve(settings, data)
        let (lock, store) = try await roomFor("start", in: data) {
            (role == .server ? try await DataDirectoryLock(data) : nil, try await openStore(settings, data, reserve, logger: logger))
        }
        let engine = try await enginePaths(settings, data, logger: logger)
        let extractor = ArchiveTool(paths: engine)
        let imports = FairGate("imports", places: settings.imports, mostWaiting: 8)
        let parser = EngineDocumentParser(paths: engine, exchange: data.url("parsing"), logger: logger)
        let vectors = settings.chromaURL.map { url in
            VectorServer(exchange: ChromaExchange(base: url), logger: logger)
        }
        let server = AdapterServer(
            paths: engine,
            limits: .init(
                slots: settings.localSlots, threads: settings.localThreads, adapters: settings.localAdapters,
                adapterIdle: .seconds(60 * settings.adapterIdleMinutes),
                bases: settings.localBases),
            remote: settings.adapterServerURL.map {
                RemoteAdapters(url: $0, template: settings.adapterServerModel, client: HTTPClients.plain, logger: logger)
            }, client: HTTPClients.plain, logger: logger)
        let addresses = (settings.reachesPrivateUpstreams ? AddressPolicy.publicAndPrivate : .publicOnly).allowing(settings.allowedUpstreamRanges)
        let transport = HTTPTransport(policy: addresses)
        let registry = ProviderRegistry.standard(transport: transport)
        for provider in settings.defaultProviders where registry[provider] == nil {
            throw SettingsError(
                key: "default.providers", message: "\"\(provider)\" is not a provider; known: \(registry.all.map(\.id).joined(separator: ", "))")
        }
        let journal = try await roomFor("start", in: data) {
            try UsageJournal(folder: journalFolder(role, data), usage: store.usage, logger: logger)
        }
        let meter = Meter(store: store, journal: journal)
        let catalog = ProviderCatalog(
            store: store, standard: registry, offered: Set(settings.defaultProviders), transport: transport, prices: meter.prices)
        let cache = ResponseCache(
            store: store, catalog: catalog,
            bounds: ResponseCacheBounds(lifetime: .seconds(settings.cacheHours * 3600), bytes: settings.cacheMegabytes << 20), logger: logger)
        let router = Router(
            registry: registry, prices: meter.prices, retry: RetryPolicy(patience: Double(settings.providerWaitSeconds)),
            timeouts: Timeouts(firstToken: .seconds(settings.firstTokenTimeout), total: .seconds(settings.totalTimeout)))
        let library = CollectionLibrary()
        let embedder = QueryEmbedder(paths: engine, logger: logger)
        let caller = ModelCaller(store: store, catalog: catalog, router: router, meter: meter)
        let providers = ProviderEmbedding(caller: caller)
        let search = CollectionSearch(
            library: library, data: data, embedder: embedder, server: vectors, providers: providers,
            expansion: QueryExpansion(caller: caller, server: server))
        let answers = AnswerPipeline(
            caller: caller, data: data, server: server, cache: cache, search: search, embedder: embedder, logger: logger)
        let pipeline = TrainingPipeline(
            store: store, data: data, engine: engine, extractor: extractor, parser: parser, vectors: vectors, answers: answers, library: library,
            search: search, queries: embedder, providers: providers, mostProcesses: settings.trainingProcesses
        ) {
            EngineEmbedder(try await EmbeddingEngine.start(paths: engine, lowPriority: true, logger: logger))
        }
        let worker = JobWorker(store: store, data: data, pipeline: pipeline, settings: settings.worker(role), logger: logger) { job, release in
            guard role == .server else { return }
            // Loaded now, so that the first question does not wait for it.
            guard release.state == .active, let id = release.adapterID, let adapter = try? await store.user(job.userID).adapter(id) else { return }
            do { try await server.preload(data.url(adapter.path).appending(path: "adapter.gguf"), base: adapter.baseModel) } catch {
                logger.warning("the new adapter is not loaded yet: \(error)")
            }
        }
        let exporter = settings.otlpEndpoint.map { SpanExporter(endpoint: $0, version: AtelierVersion.current, logger: logger) }
        return App(
            store: store, settings: settings, worker: worker, server: server, engine: engine, data: data,
            reserve: reserve, lock: lock,
            scheduler: JobScheduler(
                store: store, meter: meter, retrainDelay: .seconds(settings.retrainDelay), isEnabled: settings.trainingEnabled, logger: logger),
            library: library,
            embedder: embedder, parser: parser, vectors: vectors, search: search, addresses: addresses, catalog: catalog, journal: journal,
            meter: meter, health: router.health,
            answers: answers,
            snapshots: MinionSnapshots(caller: caller, outage: .seconds(settings.outageSeconds), logger: logger),
            clients: clients(settings, logger: logger),
            importer: DatasetImporter(
                store: store, data: data, extractor: extractor, parser: parser, parquet: ParquetTool(paths: engine), places: imports,
                maxBytes: settings.maxUploadMegabytes << 20),
            imports: imports, exports: FairGate("exports", places: settings.exports, mostWaiting: 4),
            webhooks: WebhookSender(queue: store.webhooks, transport: transport, waits: settings.webhookWaits, logger: logger),
            telemetry: Telemetry(version: AtelierVersion.current, providers: Set(registry.all.map(\.id)), spans: exporter), exporter: exporter,
            logger: logger)
    }

    /// The database alone, for commands that run beside a server.
    public static func openStore(_ settings: Settings, logger: Logger) async throws -> Store {
        let data = try dataDirectory(settings)
        return try await roomFor("use the data directory", in: data) {
            try await openStore(settings, data, reserve(settings, data), logger: logger)
        }
    }

    /// With PostgreSQL deletions need no room here.
    private static func reserve(_ settings: Settings, _ data: DataDirectory) -> DiskReserve? {
        settings.usesSQLite ? DiskReserve(folder: data.root.path) : nil
    }

    /// Runs what must work on a full disk, with the reserve for it.
    /// - Throws: ``LocatedError`` that says what to do where even that is too little.
    private static func roomFor<T>(_ what: String, in data: DataDirectory, _ body: () async throws -> T) async throws -> T {
        do { return try await DiskReserve.$isOffered.withValue(true, operation: body) } catch  where DiskFull.isCause(of: error) {
            throw LocatedError(
                "cannot \(what): the disk of the data directory \(data.root.path) is full (\(error)). Free a few MiB on it, then try again; "
                    + "what is no longer needed can then be deleted through the server")
        }
    }

    /// Every route. A test holds this table against `openapi.yaml` and against the isolation test.
    public func router() throws -> Hummingbird.Router<AppContext> {
        let accounts = accounts
        let router = Hummingbird.Router(context: AppContext.self)
        let methods = RouteMethods()
        let description = try OpenAPI()
        router.addMiddleware {
            ExecutorMiddleware()
            TelemetryMiddleware(telemetry: telemetry)
            SecurityHeaders()
            ErrorMiddleware(methods: methods)
            AdmissionMiddleware(
                hosts: HostPolicy(listening: settings.host, isLoopback: settings.listensOnLoopback, allowed: settings.allowedHosts),
                clients: ClientAddresses(trustedProxies: settings.trustedProxies))
            AuthMiddleware(accounts: accounts, snapshots: snapshots)
            KnownQueryParameters(known: description.queryParameters())
        }
        MetaController(
            storage: StorageProbe(store: store, data: data), accounts: accounts, engine: engine, telemetry: telemetry, sources: sources,
            specification: try description.json(), token: settings.metricsToken
        ).routes(router)

        PageController(files: PageFiles(root: Self.absolute(settings.webDirectory))).routes(router)

        let api = router.group("api")
        let throttle = LoginThrottle()
        AuthController(
            accounts: accounts, throttle: throttle, registrations: LoginThrottle(limits: .init(perNetwork: 30)), links: links, settings: settings
        ).routes(api.group("auth"))
        AccountController(accounts: accounts, throttle: throttle).routes(api.group("me").group(context: PersonContext.self))
        let estimator = JobEstimator(store: store, data: data, engine: engine)
        BaseModelsController(estimator: estimator).routes(api.group("models").group(context: PersonContext.self))
        let admin = api.group("admin").group(context: PersonContext.self).group(context: AdminContext.self).auditingReads(store.audit)
        AdminController(store: store, accounts: accounts).routes(admin)
        AdminJobsController(store: store).routes(admin)
        AdminLimitsController(store: store, meter: meter).routes(admin)
        AskController(store: store, accounts: accounts, pipeline: answers, clients: clients).routes(api.group("users"))

        let user = api.group("users/{user_id}").group(context: PersonContext.self).group(context: OwnerContext.self).auditingReads(store.audit)
        MinionsController(
            store: store, data: data, catalog: catalog, addresses: addresses, server: server, library: library, vectors: vectors,
            meter: meter
        ).routes(user.group("minions"))
        ReleasesController(
            store: store, data: data, server: server, exporter: ReleaseExporter(store: store, data: data, engine: engine, places: exports),
            importer: ReleaseImporter(
                store: store, data: data, engine: engine, extractor: ArchiveTool(paths: engine), vectors: vectors, places: imports,
                maxBytes: settings.maxUploadMegabytes << 20, logger: logger), meter: meter, clients: clients, logger: logger
        ).routes(user.group("minions"))
        WebhooksController(store: store, addresses: addresses, sender: webhooks, meter: meter).routes(user.group("webhooks"))
        ProvidersController(store: store, catalog: catalog, addresses: addresses, meter: meter, caller: answers.caller).routes(
            user.group("providers"))
        let definitions = DefinitionsController(store: store, catalog: catalog, addresses: addresses, meter: meter)
        definitions.routes(user.group("provider-definitions"))
        definitions.routes(admin.group("provider-definitions"))
        DatasetsController(
            store: store, importer: importer, contents: DatasetContents(data: data, engine: engine, places: exports), meter: meter, clients: clients
        ).routes(user.group("training-datasets"))
        JobsController(
            store: store, accounts: accounts, data: data, library: library, worker: worker, meter: meter, catalog: catalog, answers: answers,
            estimator: estimator, trainingEnabled: settings.trainingEnabled, mostProcesses: settings.trainingProcesses
        ).routes(user.group("external-training/jobs"))
        AdaptersController(
            store: store,
            library: AdapterLibrary(
                store: store, data: data, engine: engine, imports: imports, exports: exports, maxBytes: settings.maxUploadMegabytes << 20),
            meter: meter, clients: clients
        ).routes(user.group("adapters"))
        CollectionsController(store: store, data: data, library: library, finder: search, vectors: vectors).routes(user.group("collections"))
        UsageController(store: store, journal: journal).routes(user.group("usage"))
        UsageController(store: store, journal: journal).routes(admin.group("usage"))
        LimitsController(store: store, meter: meter).routes(user.group("limits"))

        let v1 = router.group("v1")
        let embedding = TextEmbedding(caller: answers.caller, embedder: embedder)
        ModelsController(embedding: embedding, meter: meter).routes(v1)
        OpenAIController(pipeline: answers, embedding: embedding, clients: clients).routes(v1)
        AnthropicController(pipeline: answers, clients: clients).routes(v1)
        try router.validate()
        methods.set(router.routes)
        return router
    }

    var housekeeping: Housekeeping {
        Housekeeping(
            store: store, data: data, keepJobs: .seconds(settings.keepJobDays * 86_400), keepAudit: .seconds(settings.keepAuditDays * 86_400),
            logger: logger)
    }

    /// People, as this server's settings have it.
    var accounts: Accounts {
        store.accounts(hasher: PasswordHasher(costExponent: settings.scryptCost), idle: .seconds(settings.sessionIdleHours * 3600))
    }

    /// What `/metrics` asks the other parts.
    private var sources: TelemetrySources {
        var sources = TelemetrySources()
        // Left out where the database does not answer: whoever reads metrics reads them above all then.
        sources.jobs = { [queue = store.queue] in
            try await DeadlineExceeded.within(StorageProbe.patience, "the count of jobs") { try await queue.counts() }
        }
        sources.circuits = { [health] in health.snapshot() }
        sources.refusals = { [meter] in meter.refusals }
        sources.journalBacklogBytes = { [journal] in journal.backlogBytes }
        sources.usageLost = { [journal] in journal.lost }
        if let exporter { sources.spans = { exporter.counts } }
        return sources
    }

    /// Clears up after an earlier run that was killed, then serves until the process is told to stop;
    /// ends running jobs and every child.
    /// - Parameter onListening: called with the port once requests are accepted.
    public func run(onListening: @Sendable @escaping (Int) async -> Void) async throws {
        try await serve(serviceGroup(handlingSignals: true, onListening: onListening))
    }

    /// Runs the group to its end, and leaves the data directory in order.
    /// - Throws: ``SettingsError`` where nothing can listen at the address.
    func serve(_ group: ServiceGroup) async throws {
        do { try await group.run() } catch {
            await finish()
            throw SettingsError(listening: error, host: settings.host, port: settings.port) ?? error
        }
        await finish()
    }

    /// When nothing runs any more: what calls that were broken off at the end have used, and the database's log.
    func finish() async {
        // In a task of its own: whoever runs the server may have cancelled this one.
        await Task {
            do {
                try await DeadlineExceeded.within(.seconds(5), "the usage journal") { try await journal.settle(within: .seconds(2)) }
            } catch { logger.warning("some usage waits in the journal for the next start: \(error)") }
            do { try store.close() } catch { logger.warning("the database was not closed in order: \(error)") }
        }.value
    }

    /// The same as a group that can be told to stop.
    func serviceGroup(handlingSignals: Bool, onListening: @Sendable @escaping (Int) async -> Void) async throws -> ServiceGroup {
        try await sweep()
        reserve?.refill()
        store.listen { [worker] in worker.heard($0) }
        let background: [any Service] =
            [JournalService(self)] + (exporter.map { [$0] } ?? []) + [
                WebhookService(sender: webhooks), WorkerService(app: self), SchedulerService(app: self),
            ]
        let application = Application(
            router: try router(),
            server: HTTPServerBuilder { [clients, settings] in
                ClientChannel(responder: $0, connections: clients, patience: .seconds(Int64(settings.slowClientSeconds)))
            },
            configuration: .init(address: .hostname(settings.host, port: settings.port), serverName: "atelier"),
            // Ended in reverse: the journal last, when nothing is used any more, and before it the exporter, which
            // sends what the others still had to tell.
            services: background.map(BackgroundService.init),
            onServerRunning: { [clients, logger] channel in
                do { try await AcceptHandler.add(to: channel, connections: clients, logger: logger) } catch {
                    logger.error("the listening socket cannot be watched: \(error)")
                }
                await onListening(channel.localAddress?.port ?? 0)
            },
            logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: EventLoopService(base: application, description: "server"))],
            gracefulShutdownSignals: handlingSignals ? [.sigterm, .sigint] : [], logger: logger)
        // Answers under way may finish; what takes longer is cut.
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        return ServiceGroup(configuration: configuration)
    }

    /// Also on a full disk, where it may make room. What it could not do it does the next time.
    private func sweep() async throws {
        do { try await DiskReserve.$isOffered.withValue(true) { try await housekeeping.sweep() } } catch  where DiskFull.isCause(of: error) {
            logger.error("the disk of \(data.root.path) is full: nothing can be stored until there is room; deletions and log-ins work")
        }
    }

    private static func clients(_ settings: Settings, logger: Logger) -> ClientConnections {
        let descriptors = FileDescriptors.raiseLimit()
        let limits = ConnectionLimits(
            descriptors: descriptors, kept: settings.usesSQLite ? 0 : settings.databaseConnections + 1, total: settings.maxConnections,
            perClient: settings.maxConnectionsPerAddress)
        if limits.total < max(settings.maxConnections, 200) {
            logger.warning("\(descriptors) file descriptors leave room for \(limits.total) connections: raise the limit (ulimit -n, LimitNOFILE)")
        }
        return ClientConnections(
            limits: limits, timeouts: ConnectionTimeouts(idle: .seconds(Int64(settings.idleTimeout)), largestBody: settings.maxUploadMegabytes << 20),
            addresses: ClientAddresses(trustedProxies: settings.trustedProxies))
    }

    private static func openStore(_ settings: Settings, _ data: DataDirectory, _ reserve: DiskReserve?, logger: Logger) async throws -> Store {
        var keys = settings.encryptionKeys.reveal()
        if keys.isEmpty {
            let file = try KeyVault.keysFromFile(data.encryptionKey)
            keys = file.keys
            if file.created {
                logger.notice("made an encryption key for provider keys in \(data.encryptionKey.path); without it they cannot be read: back it up")
            }
        }
        UnreadableRows.observe { row in
            logger.error(
                "a row cannot be read from the database: lists leave it out, sums skip it",
                metadata: ["row": "\(row.id)", "column": "\(row.column)", "problem": "\(row.problem)"])
        }
        let folder = try data.installation()
        let store: Store
        do {
            store = try await Store(database: database(settings, data, reserve), vault: KeyVault(keys: keys), folder: folder)
        } catch DatabaseError.unavailable(let detail) where !settings.usesSQLite {
            throw SettingsError(key: "atelier.database.url", message: "the database does not answer: start it, or correct the address (\(detail))")
        }
        if folder.id == nil { try data.write(installation: await store.installation()) }
        return store
    }

    /// Relative to the working directory. The Python of a virtual environment must not be resolved:
    /// its link is what makes it one.
    static func absolute(_ path: String) -> URL { URL(filePath: path).absoluteURL.standardized }
}
