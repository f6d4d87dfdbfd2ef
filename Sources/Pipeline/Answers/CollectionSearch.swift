import Knowledge
import Store

/// Searches a user's collection as it is now, wherever its vectors are.
public struct CollectionSearch: Sendable {
    private let library: CollectionLibrary
    private let data: DataDirectory
    private let embedder: QueryEmbedder
    /// Nil where vectors are searched in the collections' own files alone.
    private let server: VectorServer?

    public init(library: CollectionLibrary, data: DataDirectory, embedder: QueryEmbedder, server: VectorServer?) {
        self.library = library
        self.data = data
        self.embedder = embedder
        self.server = server
    }

    /// What was found, and in which version.
    public struct Found: Sendable {
        public var reply: SearchReply
        /// Of one that is being built: the one it will be.
        public var version: Int
    }

    /// - Parameters:
    ///   - version: nil takes what there is, be it unfinished.
    ///   - building: whether the version under construction is meant.
    /// - Returns: nil where nothing of it can be searched yet.
    public func run(
        _ query: String, in collection: Collection, version: Int? = nil, building: Bool = false, user: String, options: SearchOptions
    ) async throws -> Found? {
        let index =
            building
            ? try library.building(collection, data: data, user: user)
            : try await library.current(collection, version: version, data: data, user: user)
        guard let index else { return nil }
        guard index.isComplete else {
            var reply = try await embedder.search(index, query, options: options)
            if reply.degraded == nil {
                reply.degraded = "The collection is still being built: \(reply.chunksEmbedded) of \(reply.chunksTotal) chunks are found by meaning"
            }
            return Found(reply: reply, version: collection.buildingVersion ?? 0)
        }
        let version = version ?? collection.version
        guard let server, options.strategy != .lexical else {
            return Found(reply: try await embedder.search(index, query, options: options), version: version)
        }
        let (vectors, reason) = await server.index(collection, version: version, user: user, chunks: index.summary.chunks)
        var reply = try await embedder.search(index, query, vectors: vectors, options: options)
        // Words alone because the server failed in the middle: the files here do better.
        if vectors != nil, reply.degraded != nil, reply.strategy == .lexical {
            await server.forget(collection.id, version: version, user: user)
            reply = try await embedder.search(index, query, options: options)
            reply.degraded = reply.degraded ?? "the vector server failed, so the files here were searched"
        } else {
            reply.degraded = reply.degraded ?? reason
        }
        return Found(reply: reply, version: version)
    }
}
