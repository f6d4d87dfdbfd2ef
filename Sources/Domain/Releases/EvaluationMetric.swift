/// One figure of the ablation table: what was measured, of which arm, how sure it is.
public struct EvaluationMetric: Sendable, Codable, Equatable {
    public enum Name: String, Sendable, Codable, CaseIterable {
        /// exp of the mean negative log-likelihood of a held-out reply token. Lower is better.
        case perplexity = "voice.perplexity"
        /// 0: as far from the user's writing as other authors are; 1: as near as the user's own unseen replies. Not clamped.
        case styleScore = "voice.style_score"
        /// The same of the drafts, before the answering model had them.
        case draftStyleScore = "voice.draft_style_score"
        /// The share of the draft's gain in style, over base, that the final answer keeps.
        case styleRetention = "voice.style_retention"
        /// Share of the pieces of the answers that were put into the voice; the others came back as they were, or were discarded because
        /// they had lost something.
        case restyledShare = "voice.restyled_share"
        /// Share of the questions whose source is among the passages in the prompt.
        case hitRate = "knowledge.hit_rate"
        /// nDCG of the first 10 documents.
        case ndcg = "knowledge.ndcg"
        /// Mean reciprocal rank of the first right document among the first 10.
        case mrr = "knowledge.mrr"
        /// Share of the citations whose passage holds what the marked sentence says.
        case citationCorrectness = "knowledge.citation_correctness"
        /// Share of the answers' sentences that the passages support.
        case groundedness = "knowledge.groundedness"
        /// Share of the questions with a known answer whose fact the reply states.
        case factRate = "knowledge.fact_rate"
        /// Mean cosine of an answer's embedding and that of the same answer before it was given the voice.
        case meaningSimilarity = "meaning.similarity"
        /// Median of an answer's time, all stages.
        case latency = "latency_ms"
        /// Its 95th percentile.
        case latencyP95 = "latency_p95_ms"
        /// Mean of an answer's cost, all calls; `value` is null where a price is unknown.
        case cost = "cost_usd"
        /// Share of the pairs against base that the judge gives to the arm; a tie counts half.
        case judgeWinRate = "judge.win_rate"

        /// Whether a larger value is the better one.
        public var higherIsBetter: Bool {
            switch self {
            case .perplexity, .latency, .latencyP95, .cost: false
            default: true
            }
        }
    }

    public var name: Name
    public var arm: EvaluationArm
    /// Null where it is unknown, which is not 0: a cost without a price.
    public var value: Double?
    /// 95% interval: percentile bootstrap over the examples; absent where there are too few.
    public var low: Double?
    public var high: Double?
    /// What `value` is a mean over: replies, questions, citations, sentences.
    public var n: Int
    /// `score`, `share`, `perplexity`, `cosine`, `ms` or `usd`.
    public var unit: String

    public init(_ name: Name, _ arm: EvaluationArm, value: Double?, low: Double? = nil, high: Double? = nil, n: Int, unit: String) {
        self.name = name
        self.arm = arm
        self.value = value
        self.low = low
        self.high = high
        self.n = n
        self.unit = unit
    }

    enum CodingKeys: CodingKey { case name, arm, value, low, high, n, unit }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(name, forKey: .name)
        try fields.encode(arm, forKey: .arm)
        // Written as null, not left out: unknown is something to be told.
        try fields.encode(value, forKey: .value)
        try fields.encodeIfPresent(low, forKey: .low)
        try fields.encodeIfPresent(high, forKey: .high)
        try fields.encode(n, forKey: .n)
        try fields.encode(unit, forKey: .unit)
    }
}
