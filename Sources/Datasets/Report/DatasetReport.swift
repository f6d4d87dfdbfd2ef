/// What a pass over a dataset found.
public struct DatasetReport: Sendable, Codable, Equatable {
    public var layout: DatasetLayout
    /// Valid examples.
    public var examples = 0
    /// Of those, the ones that training takes, and the replies in them that are learned from.
    public var trainable = 0
    public var replies = 0
    /// Why the others are left out.
    public var leftOut: TrainingExclusions = [:]
    /// Fields of those that training takes and does not read.
    public var fieldsLeftOut = UnreadFields()
    /// Size of the file; records may span lines.
    public var bytes = 0
    public var lines = 0
    /// Of the file's bytes, in hex.
    public var sha256 = ""
    /// Why the file cannot be used: the first in full, and how many there are by code.
    public var problems: [DatasetProblem] = []
    public var problemCount = 0
    public var problemCounts: [String: Int] = [:]
    /// What is worth knowing and does not hinder use.
    public var warnings: [DatasetProblem] = []
    public var warningCount = 0
    public var warningCounts: [String: Int] = [:]
    /// Examples that say the same as an earlier one.
    public var duplicates = 0
    /// Places that were overwritten in the examples handed out.
    public var redactions = 0
    public var tokens = TokenHistogram()
    public var languages: [LanguageShare] = []

    public init(layout: DatasetLayout) { self.layout = layout }

    public var isUsable: Bool { problemCount == 0 && examples > 0 }

    /// Why none of its examples can be trained from; nil where one can.
    public var nothingToTrain: String? {
        guard trainable == 0, examples > 0 else { return nil }
        return "none of the \(examples) example\(examples == 1 ? "" : "s") can be trained from: \(leftOut.inWords)"
    }

    enum CodingKeys: String, CodingKey {
        case layout, examples, trainable, replies, bytes, lines, sha256, problems, warnings, duplicates, redactions, tokens, languages
        case leftOut = "left_out"
        case fieldsLeftOut = "fields_left_out"
        case problemCount = "problem_count"
        case problemCounts = "problem_counts"
        case warningCount = "warning_count"
        case warningCounts = "warning_counts"
    }
}

/// How much of a dataset is in one language, told by the first reply of each example.
public struct LanguageShare: Sendable, Codable, Equatable {
    /// An ISO 639-1 code; a script's name where the script is all that was told; `unknown` or `none`.
    public var language: String
    public var examples: Int

    public init(language: String, examples: Int) {
        self.language = language
        self.examples = examples
    }
}
