/// What became of the external model's reply.
public struct RestyleTrace: Sendable, Codable, Equatable {
    public enum Kept: String, Sendable, Codable { case all, some, none }

    /// As the external model wrote it.
    public var original: String
    /// As the client got it.
    public var restyled: String
    /// Of the pieces that could be restyled.
    public var kept: Kept
    public var adapterID: String
    public var scale: Double
    /// The least meaning a piece must have kept, see ``RestyleProfile/meaning(cosine:)``.
    public var threshold: Double
    public var pieces: [Piece]

    /// A few sentences, restyled and judged by themselves.
    public struct Piece: Sendable, Codable, Equatable {
        public var original: String
        /// Absent where the local model gave nothing.
        public var restyled: String?
        public var kept = false
        public var similarity: Double?
        public var meaning: Double?
        /// What the restyled text lacks, and with a plus what it added.
        public var lost: [String]?
        /// Why it was discarded.
        public var reason: String?
    }

    enum CodingKeys: String, CodingKey {
        case original, restyled, kept, scale, threshold, pieces
        case adapterID = "adapter_id"
    }
}
