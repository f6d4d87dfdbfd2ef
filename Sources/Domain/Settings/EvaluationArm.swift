/// A way of answering that is compared with the others.
public enum EvaluationArm: String, Sendable, Codable, CaseIterable {
    /// The minion's model alone: no adapter, no passages.
    case base
    /// With the passages.
    case knowledge
    /// With the adapter.
    case voice
    /// With both: draft → passages → model.
    case hybridDraftFirst = "hybrid_draft_first"
    /// With both: passages → model → restyled by the adapter.
    case hybridRestyleLast = "hybrid_restyle_last"
}
