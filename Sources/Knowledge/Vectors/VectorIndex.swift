import Domain

/// Vectors of one collection, found by cosine similarity. One contract, whether the vectors lie in a file
/// here or in a server elsewhere; a new implementation passes by being added to the contract suite.
public protocol VectorIndex: Sendable {
    /// Adds entries, each in the place of the one with its id. When it returns, queries find them.
    ///
    /// - Throws: `KnowledgeError.vectorsInvalid` on another dimension than the index has.
    func add(_ entries: [VectorEntry]) async throws

    /// The nearest entries among those the filter matches, best first, `limit` at most.
    func query(_ vector: [Float], limit: Int, filter: DocumentFilter?) async throws -> [VectorHit]

    /// Deletes entries. Ids that are not there are none of its business.
    func delete(ids: [String]) async throws

    /// Deletes the entries of all documents the filter matches.
    func delete(matching filter: DocumentFilter) async throws

    func count() async throws -> Int

    /// Deletes the index itself. It is of no use afterwards.
    func destroy() async throws
}
