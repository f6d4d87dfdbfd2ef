import Domain
import Foundation

/// Reads records into turns, and says what is wrong with those it cannot read. One record at a time; its memory is used again.
final class ExampleReader {
    static let keysCompared = 64

    let layout: DatasetLayout
    let strictKeys: Bool
    // One thread has a reader, and no accessor of it calls back: checking accesses as they happen would cost a tenth of the time.
    @exclusivity(unchecked) var errors: DatasetProblemLog
    @exclusivity(unchecked) var warnings: DatasetProblemLog
    @exclusivity(unchecked) var tape = JSONTape()
    @exclusivity(unchecked) var arena = TextArena()
    /// The record that was read last.
    @exclusivity(unchecked) var record = Bytes(start: nil, count: 0)
    @exclusivity(unchecked) var line = 0
    @exclusivity(unchecked) var turns: [Turn] = []
    /// Keys of the record that are none of the format's, by token.
    @exclusivity(unchecked) var extras: [Int] = []
    /// The value that says what a normalised record was made of.
    @exclusivity(unchecked) var source: Int?

    /// The fields' names in this file, one behind the other, and where each ends.
    private let names: PaddedBytes
    let fields: [(end: Int, name: String, role: DatasetFormat.Role)]
    @exclusivity(unchecked) private(set) var values: [Int?]

    init(_ layout: DatasetLayout, options: DatasetOptions) {
        self.layout = layout
        strictKeys = options.strictKeys
        errors = DatasetProblemLog(limit: options.maxProblems)
        warnings = DatasetProblemLog(limit: options.maxProblems)
        let named = layout.namedFields
        names = PaddedBytes(Array(named.map(\.name).joined().utf8))
        var end = 0
        fields = named.map { name, field in
            end += name.utf8.count
            return (end, name, field.role)
        }
        values = Array(repeating: nil, count: fields.count)
    }

    /// - Returns: whether `turns` holds a valid example.
    func read(_ text: Bytes, line: Int) -> Bool {
        record = text
        arena.reset()
        self.line = line
        turns.removeAll(keepingCapacity: true)
        extras.removeAll(keepingCapacity: true)
        source = nil
        let before = errors.count
        if let failure = tape.scan(text) {
            report(failure)
            return false
        }
        guard tape[0].kind == .object else {
            errors.add(
                .dataType, line: line, found: "\(tape[0].kindInWords) instead of a record", expected: "an object",
                hint: "each record is one object: \(layout.format.sample)")
            return false
        }
        readFields()
        switch layout.format {
        case .openAIChat, .shareGPT: readList()
        case .alpaca, .promptCompletion, .questionAnswer: readPair()
        }
        if errors.count == before { checkReplies() }
        return errors.count == before
    }

    // MARK: Fields of the record

    private func readFields() {
        for index in values.indices { values[index] = nil }
        let tokens = tape.tokens
        let end = Int(tokens[0].next)
        var at = 1
        while at < end {
            let key = text(at)
            let value = at + 1
            if let index = index(of: key) {
                if values[index] != nil { duplicate(key, in: nil) }
                values[index] = value
            } else if layout.format == .openAIChat, key.equals(ChatExample.sourceKey) {
                source = value
            } else {
                // A bound on work, not on keys: among the first of them duplicates are looked for.
                if extras.count < Self.keysCompared, extras.contains(where: { text($0).elementsEqual(key) }) { duplicate(key, in: nil) }
                extras.append(at)
            }
            at = Int(tokens[value].next)
        }
    }

    func index(of key: Bytes) -> Int? {
        var start = 0
        for index in fields.indices {
            let end = fields[index].end
            if end - start == key.count, memcmp(names.base + start, key.baseAddress!, key.count) == 0 { return index }
            start = end
        }
        return nil
    }

    func duplicate(_ key: Bytes, in path: String?) {
        let name = key.excerpt()
        errors.add(
            .duplicateKey, line: line, field: path, found: "the key \(name) twice in one object", expected: "each key once",
            hint: "programs differ in which of the two they take: remove one")
    }

    /// The value of the field that plays a part, with its name in this file.
    func field(_ role: DatasetFormat.Role) -> (value: Int?, name: String)? {
        index(of: role).map { (values[$0], fields[$0].name) }
    }

    /// Keeps a field of the format as one that training does not read, for its value has no form that can be learned.
    func leave(_ value: Int) {
        if !isEmpty(value) { extras.append(value - 1) }
    }

    /// Whether a value says nothing: null, and text, a list or an object without content.
    func isEmpty(_ value: Int) -> Bool {
        switch tape[value].kind {
        case .null: true
        case .string: tape[value].start == tape[value].end
        case .array, .object: Int(tape[value].next) == value + 1
        default: false
        }
    }

    func index(of role: DatasetFormat.Role) -> Int? { fields.firstIndex { $0.role == role } }

    // MARK: Text

    /// A string's text: in the record itself, or decoded.
    @inline(__always)
    func text(_ index: Int) -> Bytes {
        let token = tape.tokens[index]
        let raw = Bytes(start: record.baseAddress! + Int(token.start), count: Int(token.end - token.start))
        return token.hasEscapes ? decode(raw) : raw
    }

    private func decode(_ raw: Bytes) -> Bytes {
        let start = arena.take(raw.count)
        let length = JSONText.unescape(raw, to: start)
        arena.giveBack(raw.count - length)
        return Bytes(start: start, count: length)
    }

    /// The JSON of a value as it stands in the record.
    func raw(_ index: Int) -> Bytes {
        let token = tape.tokens[index]
        let quote = token.kind == .string ? 1 : 0
        return Bytes(rebasing: record[Int(token.start) - quote..<Int(token.end) + quote])
    }

    // MARK: What is learned

    private func checkReplies() {
        var hasAssistant = false
        for turn in turns where turn.role == .assistant {
            hasAssistant = true
            if turn.isTrained { return }
        }
        let list = fields[0].name
        if hasAssistant {
            errors.add(
                .noTrainedReply, line: line, field: list, found: "a weight of 0 on every reply", expected: "a reply to learn from",
                hint: "give one of the assistant's messages the weight 1, or remove the example")
        } else {
            errors.add(
                .exampleMissingAssistantMessage, line: line, field: list, found: "no message of the assistant", expected: "at least one",
                hint: "the assistant's replies are what is learned: add one")
        }
    }
}
