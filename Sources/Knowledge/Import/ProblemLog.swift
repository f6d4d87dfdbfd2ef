/// Collects problems up to a limit and counts the rest, so that a million bad lines stay a screenful.
struct ProblemLog {
    private let limit: Int
    private var problems: [DocumentProblem] = []
    private var unlisted = 0

    init(limit: Int = 200) {
        self.limit = limit
    }

    mutating func add(_ problem: DocumentProblem) {
        if problems.count < limit { problems.append(problem) } else { unlisted += 1 }
    }

    /// The problems in the order met, and a last entry that counts those not listed.
    var list: [DocumentProblem] {
        guard unlisted > 0 else { return problems }
        return problems + [
            DocumentProblem(
                name: "", code: "more_problems", message: "\(unlisted) more problems are not listed.",
                hint: "Fix the listed ones first; the others are often of the same kind.")
        ]
    }
}
