import Domain

/// A job's ablation table.
public struct JobEvaluation: Sendable, Encodable, Equatable {
    public var jobID: String
    public var releaseID: String?
    /// False while the job has no release: then the table holds what was measured so far.
    public var isFinal: Bool
    public var evaluation: ReleaseEvaluation
}
