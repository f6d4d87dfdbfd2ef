import Domain

/// A document filter in Chroma's language of conditions, over hashes of the words in it.
struct ChromaFilter: Encodable, Sendable {
    enum Value: Encodable, Sendable {
        case text(String)
        case number(Int)
        case flag(Bool)

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .flag(let flag): try container.encode(flag)
            }
        }
    }

    private indirect enum Condition: Sendable {
        case field(String, operator: String, Value)
        case any(String, of: [String])
        case all([Condition])
        case either([Condition])
    }

    private let condition: Condition

    /// Matches every entry.
    static let everything = ChromaFilter(condition: .field("date", operator: "$gte", .number(0)))

    private init(condition: Condition) { self.condition = condition }

    /// Nil for a filter without conditions.
    init?(_ filter: DocumentFilter) {
        var conditions: [Condition] = []
        if let documents = filter.documents { conditions.append(.any("document", of: documents.map(Self.hash))) }
        if !filter.kinds.isEmpty { conditions.append(.any("kind", of: filter.kinds.map(Self.hash))) }
        if !filter.tagsAny.isEmpty { conditions.append(.either(filter.tagsAny.map(Self.tag))) }
        conditions += filter.tagsAll.map(Self.tag)
        // A document without a date has 0 there, which is in no range.
        if let from = filter.from { conditions.append(.field("date", operator: "$gte", .number(Self.number(from)))) }
        if let to = filter.to {
            conditions.append(.field("date", operator: "$lte", .number(Self.number(to))))
            conditions.append(.field("date", operator: "$gte", .number(1)))
        }
        guard !conditions.isEmpty else { return nil }
        condition = .all(conditions)
    }

    /// What is kept with an entry for filters to compare.
    static func metadata(_ entry: VectorEntry) -> [String: Value] {
        var metadata: [String: Value] = [
            "document": .text(hash(entry.document)), "kind": .text(hash(entry.kind)), "date": .number(entry.date.map(number) ?? 0),
        ]
        for tag in entry.tags { metadata["tag_" + hash(tag)] = .flag(true) }
        return metadata
    }

    private static func tag(_ tag: String) -> Condition { .field("tag_" + hash(tag), operator: "$eq", .flag(true)) }

    /// 2026-03-01 → 20260301.
    private static func number(_ date: CalendarDate) -> Int { Int(date.description.filter { $0 != "-" })! }

    private static func hash(_ text: String) -> String { String(Digest.hex(text).prefix(32)) }

    func encode(to encoder: any Encoder) throws { try Self.encode(condition, to: encoder) }

    private struct Nested: Encodable {
        var condition: Condition
        func encode(to encoder: any Encoder) throws { try ChromaFilter.encode(condition, to: encoder) }
    }

    private static func encode(_ condition: Condition, to encoder: any Encoder) throws {
        switch condition {
        case .field(let name, let comparison, let value):
            var container = encoder.singleValueContainer()
            try container.encode([name: [comparison: value]])
        case .any(let name, let values):
            var container = encoder.singleValueContainer()
            try container.encode([name: ["$in": values]])
        case .all(let conditions), .either(let conditions):
            // The server wants two or more under one word.
            if conditions.count == 1 { return try encode(conditions[0], to: encoder) }
            var word = "$and"
            if case .either = condition { word = "$or" }
            var container = encoder.singleValueContainer()
            try container.encode([word: conditions.map(Nested.init)])
        }
    }
}
