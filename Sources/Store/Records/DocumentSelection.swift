/// Which documents of a collection a job's update is about, as its user writes it: conditions that all hold.
public struct DocumentSelection: Sendable, Codable, Hashable {
    /// Names; nil is no condition.
    public var documents: [String]?
    /// At least one of these tags; empty is no condition.
    public var tagsAny: [String]
    /// Every one of these tags.
    public var tagsAll: [String]
    /// One of these kinds (`markdown`, `pdf`, …); empty is no condition.
    public var kinds: [String]
    /// First and last day (`yyyy-mm-dd`), both included. A document without a date is in no range.
    public var from: String?
    public var to: String?

    public init(
        documents: [String]? = nil, tagsAny: [String] = [], tagsAll: [String] = [], kinds: [String] = [], from: String? = nil, to: String? = nil
    ) {
        self.documents = documents
        self.tagsAny = tagsAny
        self.tagsAll = tagsAll
        self.kinds = kinds
        self.from = from
        self.to = to
    }

    enum CodingKeys: String, CodingKey {
        case documents, kinds, from, to
        case tagsAny = "tags_any"
        case tagsAll = "tags_all"
    }
}
