import Domain
import Store

/// Every arm's answers to the same questions.
struct ArmResults: Sendable {
    var questions: [EvaluationQuestion]
    /// By arm, the answers by the questions' places; a question that failed is missing.
    private var answers: [EvaluationArm: [Int: ArmAnswer]] = [:]

    init(_ questions: [EvaluationQuestion]) { self.questions = questions }

    subscript(arm: EvaluationArm, place: Int) -> ArmAnswer? {
        get { answers[arm]?[place] }
        set { answers[arm, default: [:]][place] = newValue }
    }

    /// Arms that answered at all.
    var arms: [EvaluationArm] { EvaluationArm.allCases.filter { answers[$0]?.isEmpty == false } }

    /// In the questions' order.
    func answered(_ arm: EvaluationArm, _ kind: EvaluationQuestion.Kind? = nil) -> [(question: EvaluationQuestion, answer: ArmAnswer)] {
        questions.indices.compactMap { place in
            guard kind == nil || questions[place].kind == kind, let answer = self[arm, place] else { return nil }
            return (questions[place], answer)
        }
    }

    /// A few of them for reading side by side, of both kinds.
    func examples(_ count: Int = 4) -> [EvaluationExample] {
        let places = questions.indices.filter { place in arms.contains { self[$0, place] != nil } }
        let own = places.filter { questions[$0].kind == .voice }.prefix(count / 2)
        let asked = places.filter { questions[$0].kind == .knowledge }.prefix(count - own.count)
        return (own + asked).map { place in
            let question = questions[place]
            let texts = arms.compactMap { arm in self[arm, place].map { (arm.rawValue, Self.short($0.text)) } }
            return EvaluationExample(
                question: Self.short(question.text), reference: (question.reference ?? question.fact).map(Self.short),
                arms: Dictionary(uniqueKeysWithValues: texts))
        }
    }

    private static func short(_ text: String) -> String { text.unicodeScalars.count > 800 ? String(text.unicodeScalars.prefix(800)) + "…" : text }
}
