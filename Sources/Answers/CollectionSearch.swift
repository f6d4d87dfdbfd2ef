import Calls
import Files
import Knowledge
import Store

/// Searches a user's collection as it is now, wherever its vectors are.
public struct CollectionSearch: Sendable {
    private let library: CollectionLibrary
    private let data: DataDirectory
    private let embedder: QueryEmbedder
    /// Nil where vectors are searched in the collections' own files alone.
    private let server: VectorServer?
    private let providers: ProviderEmbedding
    private let expansion: QueryExpansion

    public init(
        library: CollectionLibrary, data: DataDirectory, embedder: QueryEmbedder, server: VectorServer?, providers: ProviderEmbedding,
        expansion: QueryExpansion
    ) {
        self.library = library
        self.data = data
        self.embedder = embedder
        self.server = server
        self.providers = providers
        self.expansion = expansion
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
        // The version's own, whatever the next one is built with.
        let built = index.summary.embedder
        let remote = built.route.map {
            ProviderEmbedder(asking: providers, identity: built, route: $0, userID: user, minionID: collection.minionID)
        }
        let expander = options.variants > 0 ? expansion.expander(user: user, minion: collection.minionID) : nil
        func search(_ vectors: (any VectorIndex)? = nil) async throws -> SearchReply {
            try await embedder.search(index, query, vectors: vectors, remote: remote, expander: expander, options: options)
        }
        guard index.isComplete else {
            var reply = try await search()
            if reply.degraded == nil {
                reply.degraded = "The collection is still being built: \(reply.chunksEmbedded) of \(reply.chunksTotal) chunks are found by meaning"
            }
            return Found(reply: reply, version: collection.buildingVersion ?? 0)
        }
        let version = version ?? collection.version
        guard let server, options.strategy != .lexical else {
            return Found(reply: try await search(), version: version)
        }
        let (vectors, reason) = await server.index(collection, version: version, user: user, chunks: index.summary.chunks)
        var reply = try await search(vectors)
        // Words alone because the server failed in the middle: the files here do better.
        if vectors != nil, reply.degraded != nil, reply.strategy == .lexical {
            await server.forget(collection.id, version: version, user: user)
            reply = try await search()
            reply.degraded = reply.degraded ?? "the vector server failed, so the files here were searched"
        } else {
            reply.degraded = reply.degraded ?? reason
        }
        return Found(reply: reply, version: version)
    }
}
