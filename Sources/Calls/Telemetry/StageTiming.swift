/// How long a stage took.
public struct StageTiming: Sendable, Codable, Equatable {
    /// `cache`, `draft`, `examples`, `retrieve`, `compose`, `answer`, `restyle`.
    public var stage: String
    public var milliseconds: Double
    /// `ok`, `skipped` or `failed`.
    public var status: String

    public init(stage: String, milliseconds: Double, status: String) {
        self.stage = stage
        self.milliseconds = milliseconds
        self.status = status
    }
}
