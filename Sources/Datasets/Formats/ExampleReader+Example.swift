extension ExampleReader {
    /// The record that was read last, which was valid.
    func makeExample() -> ChatExample {
        var example = ChatExample(messages: turns.map(message), fields: extras.map(field))
        if let source, let kept = keptSource(source) {
            example.source = kept
        } else if layout.format != .openAIChat || turns.contains(where: \.isJoined) {
            example.source = .init(format: layout.format, record: JSONText.compact(record))
        }
        return example
    }

    private func message(_ turn: Turn) -> ChatExample.Message {
        var message = ChatExample.Message(role: turn.role, content: turn.hasText ? turn.text.text : nil)
        guard let object = turn.object, !turn.isPlain else { return message }
        let isShareGPT = layout.format == .shareGPT
        var at = object + 1
        while at < Int(tape[object].next) {
            switch TurnKey(text(at), shareGPT: isShareGPT) {
            case .role: break
            case .content:
                // Said to be nothing, which is not the same as not said.
                if tape[at + 1].kind == .null, !isShareGPT { message.fields.append(field(at)) }
            default: message.fields.append(field(at))
            }
            at = Int(tape[at + 1].next)
        }
        return message
    }

    /// A key and its value.
    private func field(_ key: Int) -> JSONField {
        JSONField(name: text(key).text, json: JSONText.compact(raw(key + 1)))
    }

    /// `{"format":…,"record":…}`, as ``ChatExample/line()`` writes it.
    private func keptSource(_ value: Int) -> ChatExample.Source? {
        guard tape[value].kind == .object else { return nil }
        var format: DatasetFormat?
        var record: String?
        var at = value + 1
        while at < Int(tape[value].next) {
            let key = text(at)
            if key.equals("format"), tape[at + 1].kind == .string { format = DatasetFormat(rawValue: text(at + 1).text) }
            if key.equals("record"), tape[at + 1].kind == .object { record = JSONText.compact(raw(at + 1)) }
            at = Int(tape[at + 1].next)
        }
        guard let format, let record else { return nil }
        return .init(format: format, record: record)
    }

    /// All that is learned from, as 128 bits.
    func fingerprint(seed: Fingerprint) -> Fingerprint {
        var print = seed
        if hasTools || turns.contains(where: { !$0.isPlain }) {
            var form = PaddedBytes()
            CanonicalForm.write(makeExample(), to: &form)
            print.add(form.bytes, tag: UInt64.max)
        } else {
            for turn in turns { print.add(turn.text, tag: UInt64(turn.role.number)) }
        }
        return print
    }
}

extension ChatRole {
    var number: UInt8 {
        switch self {
        case .system: 0
        case .developer: 1
        case .user: 2
        case .assistant: 3
        case .tool: 4
        case .function: 5
        }
    }
}
