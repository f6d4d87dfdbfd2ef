/// Collects problems up to a limit and counts the rest, so that a million bad lines stay a screenful. Warnings have a
/// limit of their own: those of a thousand files do not hide the one file that could not be read.
struct DocumentProblemLog {
    private let limit: Int
    private var problems: [DocumentProblem] = []
    private var warnings: [DocumentProblem] = []
    private var unlisted = (problems: 0, warnings: 0)

    init(limit: Int = 100) {
        self.limit = limit
    }

    mutating func add(_ problem: DocumentProblem) {
        if problem.isWarning {
            if warnings.count < limit { warnings.append(problem) } else { unlisted.warnings += 1 }
        } else {
            if problems.count < limit { problems.append(problem) } else { unlisted.problems += 1 }
        }
    }

    /// The problems in the order met, then the warnings, each with a last entry that counts those not listed.
    var list: [DocumentProblem] {
        problems + rest(unlisted.problems, "problems", isWarning: false) + warnings + rest(unlisted.warnings, "warnings", isWarning: true)
    }

    private func rest(_ count: Int, _ what: String, isWarning: Bool) -> [DocumentProblem] {
        guard count > 0 else { return [] }
        return [
            DocumentProblem(
                name: "", code: "more_problems", message: "\(count) more \(what) are not listed.",
                hint: "Fix the listed ones first; the others are often of the same kind.", isWarning: isWarning)
        ]
    }
}
