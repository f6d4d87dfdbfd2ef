/// What an update did, counted against the version before it.
public struct CollectionChanges: Sendable, Codable, Equatable {
    /// Documents by name: not there before, there with other content, gone, and as before.
    public var documentsAdded: Int
    public var documentsReplaced: Int
    public var documentsRemoved: Int
    public var documentsKept: Int
    /// Chunks whose vectors were copied.
    public var chunksReused: Int
    /// Chunks that were embedded.
    public var chunksEmbedded: Int

    public init(
        documentsAdded: Int, documentsReplaced: Int, documentsRemoved: Int, documentsKept: Int, chunksReused: Int = 0, chunksEmbedded: Int = 0
    ) {
        self.documentsAdded = documentsAdded
        self.documentsReplaced = documentsReplaced
        self.documentsRemoved = documentsRemoved
        self.documentsKept = documentsKept
        self.chunksReused = chunksReused
        self.chunksEmbedded = chunksEmbedded
    }

    enum CodingKeys: String, CodingKey {
        case documentsAdded = "documents_added"
        case documentsReplaced = "documents_replaced"
        case documentsRemoved = "documents_removed"
        case documentsKept = "documents_kept"
        case chunksReused = "chunks_reused"
        case chunksEmbedded = "chunks_embedded"
    }
}
