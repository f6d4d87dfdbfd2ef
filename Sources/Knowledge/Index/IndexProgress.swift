/// How far a build is. Counts of finished work, never an estimate.
public struct IndexProgress: Sendable, Codable, Equatable {
    /// Chunks whose vectors are on disk, those of an earlier, interrupted attempt included.
    public var chunksDone: Int
    /// All chunks; 0 while documents are still being cut.
    public var chunksTotal: Int
    /// Documents cut into chunks.
    public var documentsDone: Int
    /// All documents; 0 while they are still being read.
    public var documentsTotal: Int
    /// Tokens of the chunks done.
    public var tokens: Int

    public init(chunksDone: Int, chunksTotal: Int, documentsDone: Int, documentsTotal: Int, tokens: Int) {
        self.chunksDone = chunksDone
        self.chunksTotal = chunksTotal
        self.documentsDone = documentsDone
        self.documentsTotal = documentsTotal
        self.tokens = tokens
    }

    enum CodingKeys: String, CodingKey {
        case chunksDone = "chunks_done"
        case chunksTotal = "chunks_total"
        case documentsDone = "documents_done"
        case documentsTotal = "documents_total"
        case tokens
    }
}
