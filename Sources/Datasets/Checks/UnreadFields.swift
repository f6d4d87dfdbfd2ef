/// Fields of chat examples that training does not read → how many of the examples it takes have them.
///
/// The one decision about it: the upload's report, the preview, the estimate and the job go by it. A field counts where it says something:
/// `null` and what is empty is what exporters write into every record. A message's field is called `messages[].name`.
public struct UnreadFields: Sendable, Equatable, Codable {
    /// Names told apart; examples with others are counted together under ``others``.
    public static let maxNames = 100
    public static let others = "…"
    private static let maxShown = 5
    static let messagePrefix = "messages[]."
    /// Keys of messages that mean something here or at OpenAI.
    static let messageKeys = "role, content, name, weight, tool_calls or tool_call_id"

    public private(set) var counts: [String: Int]

    public init(_ counts: [String: Int] = [:]) { self.counts = counts }

    public init(from decoder: any Decoder) throws { counts = try decoder.singleValueContainer().decode([String: Int].self) }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(counts)
    }

    public var isEmpty: Bool { counts.isEmpty }

    public mutating func merge(_ other: UnreadFields) {
        for (name, count) in other.counts {
            counts[counts[name] != nil || counts.count < Self.maxNames ? name : Self.others, default: 0] += count
        }
    }

    /// The most frequent first.
    private var ordered: [(key: String, value: Int)] { counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) } }

    /// "topic in 300, messages[].name in 12"; empty where nothing is left out.
    public var inWords: String {
        let shown = ordered.prefix(Self.maxShown).map { "\($0) in \($1)" }
        return (shown + (counts.count > Self.maxShown ? ["and \(counts.count - Self.maxShown) more"] : [])).joined(separator: ", ")
    }

    /// What a job says of it; nil where nothing is left out.
    public var message: String? {
        isEmpty ? nil : "training does not read these fields of the chat examples (and the number of examples that have them): \(inWords)"
    }

    /// What to do about the most frequent one; nil where nothing is left out.
    public var hint: String? { ordered.first.map { Self.hint(of: $0.key) } }

    /// What to do about a field.
    static func hint(of name: String) -> String {
        switch name {
        case "tools", "functions", "parallel_tool_calls":
            "the base model's chat template has no place for tools, and a minion has none: the field can stay"
        case "messages[].name": "the template tells roles apart, not people: write the name into the text where it matters"
        case "messages[].reasoning_content", "messages[].reasoning", "messages[].thinking":
            "a minion learns what is said, not what is thought: write it into the reply's text where it shall be learned"
        case _ where name.hasPrefix(messagePrefix): "it is kept and has no effect on training: write it into the text where it shall be learned"
        default: "it is kept and has no effect on training; where it is one of the format's own fields under another name, say so with fields"
        }
    }
}

extension ChatExample {
    /// Names of its fields that training does not read, sorted.
    public var fieldsLeftOut: [String] {
        func named(_ fields: [JSONField], _ prefix: String) -> [String] {
            fields.filter { !["null", #""""#, "[]", "{}"].contains($0.json) }.map { prefix + $0.name.prefix(FieldLog.maxLength) }
        }
        let own = named(fields, "")
        let inner = messages.flatMap { message in named(message.fields.filter { !FieldLog.isRead($0.name) }, UnreadFields.messagePrefix) }
        return Set(own + inner).sorted()
    }
}

/// Counts the fields that training does not read, record by record. Records of a file mostly have the same fields in the same order, so a
/// name is looked for behind the one that was found before.
struct FieldLog {
    /// Characters of a name that are kept.
    static let maxLength = 40

    private struct Entry {
        var name: [UInt8]
        var inMessage: Bool
        /// Nobody knows such a key of a message.
        var isUnrecognized: Bool
        var examples = 0
        var lastExample = 0
        var line: Int
        var path: String
    }
    private var entries: [Entry] = []
    private var next = 0
    private var example = 0
    private var others = 0
    private var lastOther = 0

    /// Whether a message's field decides what training reads of it.
    static func isRead(_ name: String) -> Bool { ["content", "weight", "tool_calls", "function_call"].contains(name) }

    /// Counts what one example has.
    mutating func add(_ reader: ExampleReader) {
        example += 1
        for key in reader.extras where !reader.isEmpty(key + 1) { add(reader.text(key), inMessage: false, reader) { String($0) } }
        for (index, turn) in reader.turns.enumerated() where !turn.isPlain {
            guard let object = turn.object else { continue }
            let end = Int(reader.tape[object].next)
            var at = object + 1
            while at < end {
                let key = reader.text(at)
                let known = TurnKey(key, shareGPT: reader.layout.format == .shareGPT)
                if known == nil || known == .name || known == .other, !reader.isEmpty(at + 1) {
                    add(key, inMessage: true, isUnrecognized: known == nil, reader) { "\(reader.path(ofMessage: index)).\($0)" }
                }
                at = Int(reader.tape[at + 1].next)
            }
        }
    }

    private mutating func add(
        _ name: Bytes, inMessage: Bool, isUnrecognized: Bool = false, _ reader: ExampleReader, path: (Substring) -> String
    ) {
        for step in 0..<entries.count {
            let index = next + step < entries.count ? next + step : next + step - entries.count
            guard entries[index].inMessage == inMessage, entries[index].name.count == name.count, name.elementsEqual(entries[index].name) else {
                continue
            }
            if entries[index].lastExample != example {
                entries[index].lastExample = example
                entries[index].examples += 1
            }
            next = index + 1
            return
        }
        guard entries.count < UnreadFields.maxNames else {
            if lastOther != example { others += 1 }
            lastOther = example
            return
        }
        let shown = name.text.prefix(Self.maxLength)
        entries.append(
            Entry(
                name: Array(name), inMessage: inMessage, isUnrecognized: isUnrecognized, examples: 1, lastExample: example, line: reader.line,
                path: path(shown)))
        next = entries.count
    }

    /// What was counted, and a warning for each name at the first place it stands.
    func finish(into report: inout DatasetReport, _ warnings: inout DatasetProblemLog) {
        var counts: [String: Int] = [:]
        for entry in entries {
            let name =
                (entry.inMessage ? UnreadFields.messagePrefix : "")
                + String(decoding: entry.name, as: UTF8.self).prefix(Self.maxLength)
            counts[name, default: 0] += entry.examples
            warnings.add(
                entry.isUnrecognized ? .messageUnrecognizedKey : .fieldLeftOut, count: entry.examples, line: entry.line, field: entry.path,
                found: "the field \(name), which training does not read, in \(entry.examples) example\(entry.examples == 1 ? "" : "s")",
                expected: entry.inMessage ? UnreadFields.messageKeys : report.layout.namedFields.map(\.name).joined(separator: ", "),
                hint: UnreadFields.hint(of: name))
        }
        if others > 0 { counts[UnreadFields.others] = others }
        report.fieldsLeftOut = UnreadFields(counts)
    }
}

extension ExampleReader {
    /// The message a turn was read from.
    func path(ofMessage turn: Int) -> String {
        let path = path(of: turn)
        return path.hasSuffix("]") ? path : path.lastIndex(of: ".").map { String(path[..<$0]) } ?? path
    }
}
