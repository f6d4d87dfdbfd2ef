import Foundation
import LocalModels
import Logging
import Pipeline

extension App {
    /// The embedder and reranker alone, for commands that need nothing else of the server.
    /// - Throws: `LocalModelError` where the engine or its models are missing.
    public static func engineEmbedder(_ settings: Settings, logger: Logger) async throws -> EngineEmbedder {
        let data = try DataDirectory(URL(filePath: settings.dataDirectory))
        let paths = EnginePaths(python: absolute(settings.python), scripts: absolute(settings.engineDirectory), models: data.models)
        return EngineEmbedder(try await EmbeddingEngine.start(paths: paths, logger: logger))
    }
}
