import Calls
import Domain
import Foundation
import Knowledge
import Providers
import Store

/// Everything that went into one answer, stage by stage.
public struct Trace: Sendable, Codable {
    public var answerID: String
    public var minionID: String
    public var releaseID: String?
    public var releaseNumber: Int?
    /// While a release is on trial: whether it, or the active one, answered.
    public var canaryArm: CanaryArm?
    /// Absent in direct mode.
    public var order: PipelineSettings.Order?
    /// Absent where no draft was made.
    public var draft: DraftTrace?
    /// Replies of the user's own that stood in the prompt; absent where there were none.
    public var voiceExamples: [VoiceExample]?
    /// What became of the external model's reply; absent where nothing was restyled.
    public var restyle: RestyleTrace?
    /// Absent where nothing was searched.
    public var search: SearchTrace?
    /// The passages in the prompt; citation [n] is the n-th.
    public var passages: [Passage] = []
    public var prompt: [ChatMessage] = []
    /// Every upstream call, the draft's first, a restyle's last.
    public var attempts: [Attempt] = []
    public var stages: [StageTiming] = []
    /// What went worse than asked, in the order it happened.
    public var degraded: [Degradation] = []
    public var tokens = TokenTotals()
    /// True where the answer came from the response cache; then nobody was called, and all else tells how it was first made.
    public var cached: Bool?

    enum CodingKeys: String, CodingKey {
        case order, draft, restyle, search, passages, prompt, attempts, stages, degraded, tokens, cached
        case answerID = "answer_id"
        case minionID = "minion_id"
        case releaseID = "release_id"
        case releaseNumber = "release_number"
        case canaryArm = "canary_arm"
        case voiceExamples = "voice_examples"
    }

    init(answerID: String, minionID: String) {
        self.answerID = answerID
        self.minionID = minionID
    }
}

/// The local model's draft.
public struct DraftTrace: Sendable, Codable, Equatable {
    public var text: String
    public var adapterID: String
    /// 0 is the base model, 1 the adapter as trained.
    public var scale: Double
    /// False where the answering model wears the adapter itself: the draft is then only shown.
    public var inPrompt: Bool

    enum CodingKeys: String, CodingKey {
        case text, scale
        case adapterID = "adapter_id"
        case inPrompt = "in_prompt"
    }
}

/// What was searched, and how.
public struct SearchTrace: Sendable, Codable, Equatable {
    public var collectionID: String
    public var version: Int
    public var query: String
    public var strategy: String
    public var chunksSearched: Int
    public var documentsSearched: Int
    /// How far the collection is: fewer than there are while it is being built.
    public var chunksEmbedded: Int?
    public var chunksTotal: Int?
    /// Passages the cross-encoder read.
    public var reranked: Int?
    /// Other forms of the question that were searched for too.
    public var variants: [String]?

    enum CodingKeys: String, CodingKey {
        case version, query, strategy, reranked, variants
        case collectionID = "collection_id"
        case chunksEmbedded = "chunks_embedded"
        case chunksTotal = "chunks_total"
        case chunksSearched = "chunks_searched"
        case documentsSearched = "documents_searched"
    }
}

/// Sums over the attempts.
public struct TokenTotals: Sendable, Codable, Equatable {
    public var input = 0
    public var output = 0
    /// US dollars; null when the price of any attempt that used tokens is unknown.
    public var cost: Double?
    public var isEstimate = false

    enum CodingKeys: String, CodingKey {
        case input, output, cost
        case isEstimate = "is_estimate"
    }

    package init() {}

    package init(_ attempts: [Attempt]) {
        let used = attempts.filter { $0.usage != nil }
        let sum = used.reduce(TokenUsage(input: 0, output: 0)) { $0 + $1.usage! }
        (input, output, isEstimate) = (sum.input, sum.output, sum.isEstimate)
        cost = used.contains { $0.cost == nil } ? nil : used.reduce(0) { $0 + ($1.cost ?? 0) }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(input, forKey: .input)
        try container.encode(output, forKey: .output)
        // Written as null, not left out: unknown is something to be told.
        try container.encode(cost, forKey: .cost)
        try container.encode(isEstimate, forKey: .isEstimate)
    }
}
