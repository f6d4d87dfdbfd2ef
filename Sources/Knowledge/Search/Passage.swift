/// A chunk that was found, with the reasons.
public struct Passage: Sendable, Codable, Equatable {
    public var chunkID: String
    /// Name of the document.
    public var document: String
    public var title: String
    /// Headings above the passage, outermost first.
    public var headings: [String]
    public var text: String
    /// UTF-8 byte range of `text` in the document.
    public var startByte: Int
    public var endByte: Int
    /// Fused score: the sum of weight / (rrf_k + rank) over the signals. It orders passages of one reply
    /// and says nothing about quality; the signals' scores do.
    public var score: Double
    public var signals: [Signal]

    public init(
        chunkID: String, document: String, title: String, headings: [String], text: String, startByte: Int, endByte: Int,
        score: Double, signals: [Signal]
    ) {
        self.chunkID = chunkID
        self.document = document
        self.title = title
        self.headings = headings
        self.text = text
        self.startByte = startByte
        self.endByte = endByte
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
        case score
        case signals
    }
}
