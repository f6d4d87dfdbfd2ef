/// Which documents are meant. Every condition given must hold; none given means all.
public struct DocumentFilter: Sendable, Codable, Hashable {
    /// Names; nil is no condition, an empty list matches nothing.
    public var documents: [String]?
    /// At least one of these tags; empty is no condition.
    public var tagsAny: [String]
    /// Every one of these tags.
    public var tagsAll: [String]
    /// First and last day, both included. A document without a date is in no range.
    public var from: CalendarDate?
    public var to: CalendarDate?
    /// One of these kinds; empty is no condition.
    public var kinds: [String]

    public init(
        documents: [String]? = nil, tagsAny: [String] = [], tagsAll: [String] = [], from: CalendarDate? = nil, to: CalendarDate? = nil,
        kinds: [String] = []
    ) {
        self.documents = documents
        self.tagsAny = tagsAny
        self.tagsAll = tagsAll
        self.from = from
        self.to = to
        self.kinds = kinds
    }

    /// Every key may be left out.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        documents = try container.decodeIfPresent([String].self, forKey: .documents)
        tagsAny = try container.decodeIfPresent([String].self, forKey: .tagsAny) ?? []
        tagsAll = try container.decodeIfPresent([String].self, forKey: .tagsAll) ?? []
        from = try container.decodeIfPresent(CalendarDate.self, forKey: .from)
        to = try container.decodeIfPresent(CalendarDate.self, forKey: .to)
        kinds = try container.decodeIfPresent([String].self, forKey: .kinds) ?? []
    }

    enum CodingKeys: String, CodingKey {
        case documents
        case tagsAny = "tags_any"
        case tagsAll = "tags_all"
        case from
        case to
        case kinds
    }

    /// Whether it asks for nothing, so that every document matches.
    public var isEmpty: Bool { self == DocumentFilter() }

    /// The definition, for a single document; `ChunkDatabase` asks the same in SQL.
    public func matches(name: String, tags: [String], date: CalendarDate?, kind: String) -> Bool {
        if let documents, !documents.contains(name) { return false }
        if !tagsAny.isEmpty, !tagsAny.contains(where: tags.contains) { return false }
        if !tagsAll.allSatisfy(tags.contains) { return false }
        if let from { guard let date, date >= from else { return false } }
        if let to { guard let date, date <= to else { return false } }
        return kinds.isEmpty || kinds.contains(kind)
    }
}
