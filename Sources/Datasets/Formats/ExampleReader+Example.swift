import Domain

extension ExampleReader {
    /// The record that was read last, which was valid.
    func makeExample() -> ChatExample {
        var example = ChatExample(messages: turns.map(message), fields: extras.map(field))
        example.exclusion = exclusion
        if let source, let kept = keptSource(source) {
            example.source = kept
        } else if layout.format != .openAIChat || turns.contains(where: { $0.isJoined || $0.object == nil })
            || extras.contains(where: { index(of: text($0)) != nil })
        {
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
        // ShareGPT's own role for a call: said in OpenAI's words, or it would pass for a reply once it is normalised.
        if turn.callsTools, !message.fields.contains(where: { $0.name == "tool_calls" || $0.name == "function_call" }) {
            message.fields.append(JSONField(name: "tool_calls", json: call(turn.text)))
        }
        return message
    }

    /// A call that is written as text, as a list of one: the text is usually `{"name":…,"arguments":…}`.
    private func call(_ text: Bytes) -> String {
        var parsed = JSONTape()
        let padded = PaddedBytes(text)
        let isObject = parsed.scan(padded.bytes) == nil && parsed[0].kind == .object
        let function = isObject ? JSONText.compact(padded.bytes) : "{\"arguments\":\(ExampleForm.quoted(text.text))}"
        return "[{\"type\":\"function\",\"function\":\(function)}]"
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

    /// What training reads of the record, as 128 bits: it is the same for records that say the same to it.
    func fingerprint(seed: Fingerprint) -> Fingerprint {
        var print = seed
        for turn in turns { print.add(turn.text, tag: turn.role.tag(isTrained: turn.isTrained)) }
        return print
    }
}

extension ChatExample {
    /// As ``ExampleReader/fingerprint(seed:)``, of an example that was changed since it was read.
    func fingerprint(seed: Fingerprint) -> Fingerprint {
        var print = seed
        for message in messages {
            let text = PaddedBytes((message.content ?? "").utf8)
            print.add(text.bytes, tag: message.role.tag(isTrained: message.isTrained))
        }
        return print
    }
}

extension ChatRole {
    /// A number for each role that training tells apart, and for replies that are read and not learned.
    func tag(isTrained: Bool) -> UInt64 {
        switch self {
        case .system, .developer: 0
        case .user: 1
        case .assistant: isTrained ? 2 : 3
        case .tool, .function: 4
        }
    }
}
