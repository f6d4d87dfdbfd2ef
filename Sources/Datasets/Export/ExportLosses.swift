/// What an export could not carry, by name.
public struct ExportReport: Sendable, Codable, Equatable {
    /// Examples in the new file.
    public var examples = 0
    /// Why examples were left out → how many.
    public var skipped: [String: Int] = [:]
    /// What was left out of examples that are in the file → of how many.
    public var lost: [String: Int] = [:]
    public var bytes = 0
    public var sha256 = ""

    public init() {}

    mutating func skip(_ reason: String) { skipped[reason, default: 0] += 1 }
    mutating func lose(_ what: String) { lost[what, default: 0] += 1 }
}
