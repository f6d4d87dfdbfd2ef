import Domain
import Foundation

/// Vectors in a ChromaDB server (v2 REST API), one Chroma collection each.
///
/// The server gets chunk ids, vectors, days and hashes of names, tags and kinds: what a filter compares, but
/// no text that a deletion could leave behind there. Its index is approximate (HNSW).
public struct ChromaVectorIndex: VectorIndex {
    private let exchange: any HTTPExchange
    private let database: String
    private let name: String
    private let id: String
    private let dimension: Int
    private let batch: Int

    /// Opens or creates the collection.
    ///
    /// - Parameters:
    ///   - name: 3 to 512 of `A–Z a–z 0–9 . _ -`, beginning and ending with a letter or digit; one per
    ///     user, collection and version: see `name(user:collection:version:)`.
    ///   - tenant, database: the server's own names for who owns what; they exist from the start.
    /// - Throws: `KnowledgeError.vectorServer`; the exchange's error.
    public init(
        _ exchange: any HTTPExchange, name: String, dimension: Int, tenant: String = "default_tenant", database: String = "default_database"
    ) async throws {
        self.exchange = exchange
        self.name = name
        self.dimension = dimension
        self.database = Self.collections(tenant: tenant, database: database)
        let limits: Limits = try await Self.call(exchange, "GET", "/api/v2/pre-flight-checks")
        batch = min(max(1, limits.max_batch_size), 10_000)
        let creation = Creation(name: name, configuration: .init(hnsw: .init(space: "cosine")), get_or_create: true)
        let collection: Collection = try await Self.call(exchange, "POST", self.database, creation)
        id = collection.id
        guard collection.dimension == nil || collection.dimension == dimension else {
            throw KnowledgeError.vectorsInvalid(reason: "\(name) holds vectors of \(collection.dimension!) dimensions, not \(dimension)")
        }
    }

    /// The name of a user's collection version. Ids hold no other characters.
    public static func name(user: String, collection: String, version: Int) -> String { "\(user).\(collection).v\(version)" }

    public func add(_ entries: [VectorEntry]) async throws {
        for entry in entries where entry.vector.count != dimension {
            throw KnowledgeError.vectorsInvalid(reason: "the vector of \(entry.id) has \(entry.vector.count) dimensions, the index \(dimension)")
        }
        // The last one of an id counts; the server takes each id once a request.
        var last: [String: Int] = [:]
        for (index, entry) in entries.enumerated() { last[entry.id] = index }
        let kept = entries.enumerated().filter { last[$0.element.id] == $0.offset }.map(\.element)
        for start in stride(from: 0, to: kept.count, by: batch) {
            let part = kept[start..<min(kept.count, start + batch)]
            let body = Upsert(
                ids: part.map(\.id), embeddings: part.map { $0.vector.withUnsafeBytes { Data($0).base64EncodedString() } },
                metadatas: part.map(ChromaFilter.metadata))
            let _: Nothing = try await Self.call(exchange, "POST", "\(database)/\(id)/upsert", body)
        }
    }

    public func query(_ vector: [Float], limit: Int, filter: DocumentFilter?) async throws -> [VectorHit] {
        guard vector.count == dimension else {
            throw KnowledgeError.vectorsInvalid(reason: "the query has \(vector.count) dimensions, the index \(dimension)")
        }
        // The server refuses an empty list of names; nothing matches it anyway.
        guard limit > 0, filter?.documents?.isEmpty != true else { return [] }
        let body = Query(query_embeddings: [vector], n_results: limit, where: filter.flatMap(ChromaFilter.init), include: ["distances"])
        let found: Found = try await Self.call(exchange, "POST", "\(database)/\(id)/query", body)
        guard let ids = found.ids.first, let distances = found.distances.first, ids.count == distances.count else {
            throw KnowledgeError.vectorServer(
                reason: "a query was answered with \(found.ids.count) lists of ids and \(found.distances.count) of distances")
        }
        // Its cosine distance is 1 − cosine.
        return zip(ids, distances).map { VectorHit(id: $0, score: 1 - $1) }.sorted { $0.score > $1.score }
    }

    public func delete(ids: [String]) async throws {
        for start in stride(from: 0, to: ids.count, by: batch) {
            let body = Deletion(ids: Array(ids[start..<min(ids.count, start + batch)]))
            let _: Nothing = try await Self.call(exchange, "POST", "\(database)/\(id)/delete", body)
        }
    }

    public func delete(matching filter: DocumentFilter) async throws {
        guard filter.documents?.isEmpty != true else { return }
        // Without a condition the server deletes nothing: every entry has a date, if only 0.
        let condition = ChromaFilter(filter) ?? ChromaFilter.everything
        let _: Nothing = try await Self.call(exchange, "POST", "\(database)/\(id)/delete", Deletion(where: condition))
    }

    public func count() async throws -> Int { try await Self.call(exchange, "GET", "\(database)/\(id)/count") }

    public func destroy() async throws { let _: Nothing = try await Self.call(exchange, "DELETE", "\(database)/\(name)") }

    /// Deletes a collection by name without opening it, which would create it; one that is not there is none of its business.
    ///
    /// - Throws: `KnowledgeError.vectorServer`; the exchange's error.
    public static func destroy(
        _ name: String, _ exchange: any HTTPExchange, tenant: String = "default_tenant", database: String = "default_database"
    ) async throws {
        let path = "\(collections(tenant: tenant, database: database))/\(name)"
        let (status, data) = try await exchange.send(method: "DELETE", path: path, body: nil)
        if status != 404 { let _: Nothing = try read(status, data, "DELETE", path) }
    }

    private static func collections(tenant: String, database: String) -> String {
        "/api/v2/tenants/\(tenant)/databases/\(database)/collections"
    }

    private static func call<Reply: Decodable>(
        _ exchange: any HTTPExchange, _ method: String, _ path: String, _ body: (any Encodable)? = nil
    ) async throws -> Reply {
        let (status, data) = try await exchange.send(method: method, path: path, body: try body.map { try JSONEncoder().encode($0) })
        return try read(status, data, method, path)
    }

    private static func read<Reply: Decodable>(_ status: Int, _ data: Data, _ method: String, _ path: String) throws -> Reply {
        guard (200..<300).contains(status) else {
            let problem = try? JSONDecoder().decode(Problem.self, from: data)
            throw KnowledgeError.vectorServer(reason: "it answered \(status) to \(method) \(path)" + (problem.map { ": \($0.message)" } ?? ""))
        }
        if let nothing = Nothing() as? Reply { return nothing }
        do { return try JSONDecoder().decode(Reply.self, from: data) } catch {
            throw KnowledgeError.vectorServer(reason: "its answer to \(method) \(path) is not what API v2 promises (\(error))")
        }
    }

    // The wire, named as it is there.
    private struct Nothing: Decodable {}
    private struct Problem: Decodable { var message: String }
    private struct Limits: Decodable { var max_batch_size: Int }
    private struct Collection: Decodable {
        var id: String
        var dimension: Int?
    }
    private struct Creation: Encodable {
        struct Configuration: Encodable { var hnsw: Space }
        struct Space: Encodable { var space: String }
        var name: String
        var configuration: Configuration
        var get_or_create: Bool
    }
    private struct Upsert: Encodable {
        var ids: [String]
        /// float32, little-endian, in base64: a quarter of the same numbers in decimals.
        var embeddings: [String]
        var metadatas: [[String: ChromaFilter.Value]]
    }
    private struct Query: Encodable {
        var query_embeddings: [[Float]]
        var n_results: Int
        var `where`: ChromaFilter?
        var include: [String]
    }
    private struct Found: Decodable {
        var ids: [[String]]
        var distances: [[Double]]
    }
    private struct Deletion: Encodable {
        var ids: [String]?
        var `where`: ChromaFilter?
    }
}
