/// Reads records into turns, and says what is wrong with those it cannot read. One record at a time; its memory is used again.
final class ExampleReader {
    static let keysCompared = 64

    let layout: DatasetLayout
    let strictKeys: Bool
    var errors: ProblemLog
    var warnings: ProblemLog

    var tape = JSONTape()
    var arena = TextArena()
    /// The record that was read last.
    var record = Bytes(start: nil, count: 0)
    var line = 0
    var turns: [Turn] = []
    /// Keys of the record that are none of the format's, by token.
    var extras: [Int] = []
    /// The value that says what a normalised record was made of.
    var source: Int?
    /// A lone key of the record that `id` depends on.
    var hasTools = false

    private let names: [(name: [UInt8], field: DatasetFormat.Field)]
    private var values: [Int?]

    init(_ layout: DatasetLayout, options: DatasetOptions) {
        self.layout = layout
        strictKeys = options.strictKeys
        errors = ProblemLog(limit: options.maxProblems)
        warnings = ProblemLog(limit: options.maxProblems)
        names = layout.namedFields.map { (Array($0.name.utf8), $0.field) }
        values = Array(repeating: nil, count: names.count)
    }

    /// - Returns: whether `turns` holds a valid example.
    func read(_ text: Bytes, line: Int) -> Bool {
        record = text
        arena.reset()
        self.line = line
        turns.removeAll(keepingCapacity: true)
        extras.removeAll(keepingCapacity: true)
        source = nil
        hasTools = false
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
            if let index = names.firstIndex(where: { key.equals($0.name) }) {
                if values[index] != nil { duplicate(key, in: nil) }
                values[index] = value
            } else if layout.format == .openAIChat, key.equals(ChatExample.sourceKey) {
                source = value
            } else {
                // A bound on work, not on keys: among the first of them duplicates are looked for.
                if extras.count < Self.keysCompared, extras.contains(where: { text($0).elementsEqual(key) }) { duplicate(key, in: nil) }
                extras.append(at)
                if key.equals("tools") || key.equals("functions") { hasTools = true }
            }
            at = Int(tokens[value].next)
        }
    }

    func duplicate(_ key: Bytes, in path: String?) {
        let name = key.excerpt()
        errors.add(
            .duplicateKey, line: line, field: path, found: "the key \(name) twice in one object", expected: "each key once",
            hint: "programs differ in which of the two they take: remove one")
    }

    /// The value of the field that plays a part, with its name in this file.
    func field(_ role: DatasetFormat.Role) -> (value: Int?, name: String)? {
        guard let index = names.firstIndex(where: { $0.field.role == role }) else { return nil }
        return (values[index], String(decoding: names[index].name, as: UTF8.self))
    }

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
        let list = layout.namedFields[0].name
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
