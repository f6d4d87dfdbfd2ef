/// What a complete collection holds.
public struct CollectionSummary: Sendable, Codable, Equatable {
    /// Documents that are searchable.
    public var documents: Int
    /// Chunks, each with one vector.
    public var chunks: Int
    /// Tokens of all chunks, repetitions between neighbours included.
    public var tokens: Int
    /// Bytes on disk, all files of it.
    public var bytes: Int
    /// The model that made the vectors.
    public var embedder: EmbedderIdentity
    /// What could not be used.
    public var problems: [DocumentProblem]
    /// What changed against the version before; nil for a collection built from its sources alone.
    public var changes: CollectionChanges?

    public init(
        documents: Int, chunks: Int, tokens: Int, bytes: Int, embedder: EmbedderIdentity, problems: [DocumentProblem],
        changes: CollectionChanges? = nil
    ) {
        self.documents = documents
        self.chunks = chunks
        self.tokens = tokens
        self.bytes = bytes
        self.embedder = embedder
        self.problems = problems
        self.changes = changes
    }
}
