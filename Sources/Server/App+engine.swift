import Answers
import Calls
import Files
import Foundation
import Knowledge
import LocalModels
import Logging
import Providers
import Store

extension App {
    /// The embedder and reranker alone, for commands that need nothing else of the server.
    /// - Throws: `LocalModelError` where the engine or its models are missing.
    public static func engineEmbedder(_ settings: Settings, logger: Logger) async throws -> EngineEmbedder {
        EngineEmbedder(try await EmbeddingEngine.start(paths: enginePaths(settings, try dataDirectory(settings), logger: logger), logger: logger))
    }

    /// The local model as it expands queries, for as long as `body` runs.
    /// - Throws: `LocalModelError` where the model is missing.
    public static func withExpander<T>(
        _ settings: Settings, logger: Logger, _ body: (any QueryExpander) async throws -> T
    ) async throws -> T {
        let server = AdapterServer(
            paths: try await enginePaths(settings, try dataDirectory(settings), logger: logger), limits: .init(threads: settings.localThreads),
            client: HTTPClients.plain,
            logger: logger)
        let router = Router(registry: .standard(transport: HTTPTransport(policy: .publicAndPrivate)))
        do {
            let value = try await body(LocalExpander(router: router, server: server))
            await server.stop()
            return value
        } catch {
            await server.stop()
            throw error
        }
    }

    /// The engine, with what its processes are confined by; what is missing of that is logged.
    /// - Throws: ``SettingsError`` where `ATELIER_SANDBOX` requires what this machine has not, or what cannot be tried.
    static func enginePaths(_ settings: Settings, _ data: DataDirectory, logger: Logger) async throws -> EnginePaths {
        var paths = EnginePaths(python: absolute(settings.python), scripts: absolute(settings.engineDirectory), models: data.models)
        let options = Sandbox.Options(
            mode: settings.sandbox, hidden: [data.root, absolute(".env")], passedNames: Set(settings.childEnvironment),
            workerMemory: settings.workerMemoryMegabytes << 20)
        if let missing = paths.missingProgram() {
            let (key, value) = missing.isPython ? ("atelier.python", settings.python) : ("atelier.engine.dir", settings.engineDirectory)
            let problem = "\"\(value)\" \(missing.isPython ? "is not a program that can be run" : "does not hold the engine's scripts")"
            if settings.sandbox == .required {
                throw SettingsError(
                    key: key,
                    message:
                        "\(problem), so whether children can be confined cannot be tried, as ATELIER_SANDBOX=required asks: run make setup, or correct it"
                )
            }
            logger.warning(
                "\(SettingsError.variable(key)): \(problem): there is no training, no collection and no local model until it is corrected (make setup)"
            )
        }
        do { paths.sandbox = try await Sandbox.prepare(options, python: paths.python, scripts: paths.scripts) } catch let error as LocalModelError {
            throw SettingsError(key: "atelier.sandbox", message: "\(error.message); \(error.hint ?? "")")
        }
        if let shortcoming = paths.sandbox.shortcoming { logger.warning("children run without a sandbox: \(shortcoming)") }
        return paths
    }

    /// - Throws: ``SettingsError`` for what is no folder, and for one that cannot be written.
    static func dataDirectory(_ settings: Settings) throws -> DataDirectory {
        let folder = URL(filePath: settings.dataDirectory)
        do {
            let data = try DataDirectory(folder)
            guard access(data.root.path, W_OK | X_OK) == 0 else { throw POSIXError(.EACCES) }
            return data
        } catch  where !DiskFull.isCause(of: error) { throw SettingsError(dataDirectory: folder.standardizedFileURL, error) }
    }
}

extension App {
    /// A user's collection as it is on disk: the version that answers, or where none is finished the one that is being built.
    /// - Returns: nil where nothing of it can be searched yet.
    public static func openCollection(_ collection: Collection, _ settings: Settings, user: String) throws -> CollectionIndex? {
        let data = try dataDirectory(settings)
        guard collection.version > 0 else { return try CollectionLibrary().building(collection, data: data, user: user) }
        return try CollectionIndex.open(data.url(DataPaths.collection(collection.id, version: collection.version, user: user)))
    }

    /// One search as the server would do it: by words alone where the embedder cannot be started.
    public static func search(
        _ index: CollectionIndex, _ query: String, options: SearchOptions, _ settings: Settings, logger: Logger
    ) async throws -> SearchReply {
        let embedder = QueryEmbedder(paths: try await enginePaths(settings, try dataDirectory(settings), logger: logger), logger: logger)
        do {
            let reply = try await embedder.search(index, query, options: options)
            await embedder.stop()
            return reply
        } catch {
            await embedder.stop()
            throw error
        }
    }
}
