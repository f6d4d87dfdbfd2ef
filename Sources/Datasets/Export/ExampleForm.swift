import Domain

/// An example as the fields of a record of some format.
struct ExampleForm {
    let format: DatasetFormat
    /// Whether a field may hold a list where text is usual: not in a table.
    let allowsLists: Bool

    /// - Returns: nil where the format has no place for such an example; `report` says why.
    func fields(_ example: ChatExample, _ report: inout ExportReport) -> [JSONField]? {
        if let source = example.source, source.format == format { return Self.fields(ofRecord: source.record) }
        guard var fields = own(example, &report) else { return nil }
        let taken = Set(format.fields.map(\.name))
        for field in example.fields {
            if taken.contains(field.name) { report.lose("field \(field.name)") } else { fields.append(field) }
        }
        return fields
    }

    private func own(_ example: ChatExample, _ report: inout ExportReport) -> [JSONField]? {
        switch format {
        case .openAIChat: [JSONField(name: "messages", json: list(example.messages) { $0.write(to: &$1) })]
        case .shareGPT: [JSONField(name: "conversations", json: list(example.messages) { shareGPT($0, &$1, &report) })]
        case .alpaca, .promptCompletion, .questionAnswer: pair(example, &report)
        }
    }

    private func list(_ messages: some Sequence<ChatExample.Message>, _ write: (ChatExample.Message, inout PaddedBytes) -> Void) -> String {
        var output = PaddedBytes()
        output.append(0x5B)
        for (index, message) in messages.enumerated() {
            if index > 0 { output.append(0x2C) }
            write(message, &output)
        }
        output.append(0x5D)
        return output.bytes.text
    }

    private func shareGPT(_ message: ChatExample.Message, _ output: inout PaddedBytes, _ report: inout ExportReport) {
        var message = message
        message.fields.removeAll { $0.name == "content" }
        for name in ["from", "value"] where message.fields.contains(where: { $0.name == name }) {
            report.lose("message field \(name)")
            message.fields.removeAll { $0.name == name }
        }
        message.write(to: &output, roleKey: "from", role: message.role.shareGPTName, contentKey: "value")
    }

    // MARK: A question and a reply

    private func pair(_ example: ChatExample, _ report: inout ExportReport) -> [JSONField]? {
        var messages = example.messages[...]
        let system = messages.first?.role == .system ? messages.removeFirst() : nil
        let isPlain =
            messages.count % 2 == 0
            && zip(messages, messages.indices).allSatisfy { message, index in
                message.content != nil && message.role == ((index - messages.startIndex) % 2 == 0 ? .user : .assistant)
            }
        let isSingle = isPlain && messages.count == 2
        let hasFields = example.messages.contains { !$0.fields.isEmpty }
        if format == .promptCompletion, allowsLists, !isSingle || hasFields { return lists(example, &report) }
        guard isPlain, isSingle || format == .alpaca else {
            report.skip(isPlain ? "more than one question" : "messages other than questions and replies in turn")
            return nil
        }
        let asked = messages[messages.endIndex - 2].content!
        let replied = messages[messages.endIndex - 1].content!
        guard !asked.trimmed.isEmpty, messages.allSatisfy({ $0.role == .user || $0.content?.trimmed.isEmpty == false }) else {
            report.skip("an empty question")
            return nil
        }
        for name in Set(example.messages.flatMap { $0.fields.map(\.name) }) { report.lose("message field \(name)") }
        let names = format.fields.reduce(into: [:]) { $0[$1.role] = $1.name }
        var fields = [JSONField(name: names[.ask]!, json: Self.quoted(asked))]
        if format == .alpaca, let context = names[.context] { fields.append(JSONField(name: context, json: "\"\"")) }
        fields.append(JSONField(name: names[.reply]!, json: Self.quoted(replied)))
        if let text = system?.content {
            if text.trimmed.isEmpty {
                report.lose("an empty system message")
            } else {
                fields.append(JSONField(name: "system", json: Self.quoted(text)))
            }
        }
        if messages.count > 2 { fields.append(JSONField(name: "history", json: history(messages.dropLast(2)))) }
        return fields
    }

    private func history(_ messages: ArraySlice<ChatExample.Message>) -> String {
        let texts = messages.map { Self.quoted($0.content ?? "") }
        let pairs = stride(from: 0, to: texts.count, by: 2).map { "[\(texts[$0]),\(texts[$0 + 1])]" }
        return "[\(pairs.joined(separator: ","))]"
    }

    /// All but the last message as the prompt, the last as the completion, each a list of messages, as TRL takes them.
    private func lists(_ example: ChatExample, _ report: inout ExportReport) -> [JSONField]? {
        guard example.messages.count > 1, let last = example.messages.last, last.role == .assistant else {
            report.skip("no reply at the end")
            return nil
        }
        return [
            JSONField(name: "prompt", json: list(example.messages.dropLast()) { $0.write(to: &$1) }),
            JSONField(name: "completion", json: list([last]) { $0.write(to: &$1) }),
        ]
    }

    static func quoted(_ text: String) -> String {
        var output = PaddedBytes()
        JSONText.quote(text, to: &output)
        return output.bytes.text
    }

    /// The fields of a record that was read before.
    static func fields(ofRecord record: String) -> [JSONField] {
        let text = PaddedBytes(record.utf8)
        var tape = JSONTape()
        guard tape.scan(text.bytes) == nil, tape[0].kind == .object else { return [] }
        func piece(_ index: Int) -> String {
            let quote = tape[index].kind == .string ? 1 : 0
            return Bytes(start: text.base + Int(tape[index].start) - quote, count: Int(tape[index].end - tape[index].start) + 2 * quote).text
        }
        var fields: [JSONField] = []
        var at = 1
        while at < Int(tape[0].next) {
            fields.append(JSONField(name: JSONText.plain(piece(at)) ?? "", json: piece(at + 1)))
            at = Int(tape[at + 1].next)
        }
        return fields
    }
}

extension JSONText {
    /// The text that a JSON string says; nil for other JSON.
    package static func plain(_ json: String) -> String? {
        let text = PaddedBytes(json.utf8)
        guard text.count >= 2, text.base[0] == 0x22 else { return nil }
        var output = PaddedBytes(capacity: max(16, text.count))
        output.count = unescape(Bytes(start: text.base + 1, count: text.count - 2), to: output.base)
        return output.bytes.text
    }
}
