/// A chunk that was found, with the reasons.
public struct Passage: Sendable, Codable, Equatable {
    public var chunkID: String
    /// Name of the document.
    public var document: String
    public var title: String
    /// Headings above the passage, outermost first.
    public var headings: [String]
    /// The chunk, and with `SearchOptions.neighbours` what stands around it.
    public var text: String
    /// UTF-8 byte range of `text` in the document.
    public var startByte: Int
    public var endByte: Int
    /// UTF-8 byte range of the chunk that was found, within that of `text`.
    public var foundStartByte: Int
    public var foundEndByte: Int
    /// Page of the document, from 1, on which the found chunk begins; nil where there are no pages.
    public var page: Int?
    /// Tokens of the chunks in `text`, repetitions between neighbours counted twice.
    public var tokens: Int
    /// Fused score: the sum of weight / (rrf_k + rank) over the signals. It orders passages of one reply
    /// and says nothing about quality; the signals' scores do.
    public var score: Double
    public var signals: [Signal]

    public init(
        chunkID: String, document: String, title: String, headings: [String], text: String, startByte: Int, endByte: Int,
        foundStartByte: Int? = nil, foundEndByte: Int? = nil, page: Int? = nil, tokens: Int = 0, score: Double, signals: [Signal]
    ) {
        self.chunkID = chunkID
        self.document = document
        self.title = title
        self.headings = headings
        self.text = text
        self.startByte = startByte
        self.endByte = endByte
        self.foundStartByte = foundStartByte ?? startByte
        self.foundEndByte = foundEndByte ?? endByte
        self.page = page
        self.tokens = tokens
        self.score = score
        self.signals = signals
    }

    enum CodingKeys: String, CodingKey {
        case chunkID = "chunk_id"
        case document
        case title
        case headings
        case text
        case startByte = "start_byte"
        case endByte = "end_byte"
        case foundStartByte = "found_start_byte"
        case foundEndByte = "found_end_byte"
        case page
        case tokens
        case score
        case signals
    }
}

extension Passage {
    init(_ chunk: Chunk, _ fused: ReciprocalRankFusion.Fused) {
        self.init(
            chunkID: chunk.id, document: chunk.document, title: chunk.title, headings: chunk.headings, text: chunk.text,
            startByte: chunk.startByte, endByte: chunk.endByte, page: chunk.page, tokens: chunk.tokens, score: fused.chunk.score,
            signals: fused.signals)
    }
}
