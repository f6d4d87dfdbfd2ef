import Domain

/// How documents are cut. Part of a collection version: other settings, other chunks.
///
/// The defaults are measured: of the 40 questions on the sample handbook hybrid search has the answer
/// among its first 5 passages 40 times with 320/40 and 38 times with 128/20.
public struct ChunkingSettings: Sendable, Codable, Hashable {
    public var strategy: ChunkingStrategy
    /// Most tokens of a chunk's text, at least 16. Less where title and headings would otherwise push
    /// the end of the text beyond what the embedder reads.
    public var maxTokens: Int
    /// Most tokens a chunk repeats from the end of the one before it in the same section, in whole
    /// sentences (in whole words with `fixed`, not at all with `rows`); at most half of `maxTokens`. Code and tables are not repeated.
    public var overlapTokens: Int

    public init(strategy: ChunkingStrategy = .structural, maxTokens: Int = 320, overlapTokens: Int = 40) {
        self.strategy = strategy
        self.maxTokens = maxTokens
        self.overlapTokens = overlapTokens
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let defaults = Self()
        strategy = try container.decodeIfPresent(ChunkingStrategy.self, forKey: .strategy) ?? defaults.strategy
        maxTokens = try container.decodeIfPresent(Int.self, forKey: .maxTokens) ?? defaults.maxTokens
        overlapTokens = try container.decodeIfPresent(Int.self, forKey: .overlapTokens) ?? defaults.overlapTokens
    }

    enum CodingKeys: String, CodingKey {
        case strategy
        case maxTokens = "max_tokens"
        case overlapTokens = "overlap_tokens"
    }

    /// The settings with every value in its range.
    var normalised: ChunkingSettings {
        let tokens = max(16, maxTokens)
        return ChunkingSettings(strategy: strategy, maxTokens: tokens, overlapTokens: min(max(0, overlapTokens), tokens / 2))
    }
}
