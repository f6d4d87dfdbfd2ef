/// A held-out question with the arms' answers to it.
public struct EvaluationExample: Sendable, Codable, Equatable {
    public var question: String
    /// The user's own reply, or the known answer; absent where there is none.
    public var reference: String?
    /// Answer by arm (``EvaluationArm``'s raw values).
    public var arms: [String: String]

    public init(question: String, reference: String?, arms: [String: String]) {
        self.question = question
        self.reference = reference
        self.arms = arms
    }
}
