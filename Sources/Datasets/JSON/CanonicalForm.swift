import Domain

/// One spelling for all examples that say the same: keys sorted by their bytes, no white space, only those escapes that must be.
/// Numbers stay as they were written: 1 and 1.0 are two.
enum CanonicalForm {
    /// Fields of a record that a model is given.
    static let learned: Set<String> = ["tools", "functions", "parallel_tool_calls"]

    static func write(_ example: ChatExample, to output: inout PaddedBytes) {
        output.append("{\"messages\":[")
        for (index, message) in example.messages.enumerated() {
            if index > 0 { output.append(0x2C) }
            write(message, to: &output)
        }
        output.append(0x5D)
        var fields = example.fields.filter { learned.contains($0.name) }
        fields.sort { $0.name < $1.name }
        for field in fields { write(field, comma: true, to: &output) }
        output.append(0x7D)
    }

    private static func write(_ message: ChatExample.Message, to output: inout PaddedBytes) {
        if message.fields.isEmpty {
            output.append("{\"content\":")
            text(message.content, to: &output)
            output.append(",\"role\":\"")
            output.append(message.role.rawValue)
            return output.append("\"}")
        }
        var content = PaddedBytes()
        text(message.content, to: &content)
        var fields = message.fields.filter { $0.name != "content" }
        fields.append(JSONField(name: "content", json: content.bytes.text))
        fields.append(JSONField(name: "role", json: "\"\(message.role.rawValue)\""))
        fields.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        output.append(0x7B)
        for (index, field) in fields.enumerated() { write(field, comma: index > 0, to: &output) }
        output.append(0x7D)
    }

    private static func text(_ content: String?, to output: inout PaddedBytes) {
        if let content { JSONText.quote(content, to: &output) } else { output.append("null") }
    }

    private static func write(_ field: JSONField, comma: Bool, to output: inout PaddedBytes) {
        if comma { output.append(0x2C) }
        JSONText.quote(field.name, to: &output)
        output.append(0x3A)
        let json = PaddedBytes(field.json.utf8)
        var tape = JSONTape()
        if tape.scan(json.bytes) == nil { write(tape, 0, json, to: &output) } else { output.append(field.json) }
    }

    private static func write(_ tape: borrowing JSONTape, _ index: Int, _ json: borrowing PaddedBytes, to output: inout PaddedBytes) {
        let token = tape[index]
        let end = Int(token.next)
        switch token.kind {
        case .string: quote(token, json, to: &output)
        case .array:
            output.append(0x5B)
            var at = index + 1
            while at < end {
                if at > index + 1 { output.append(0x2C) }
                write(tape, at, json, to: &output)
                at = Int(tape[at].next)
            }
            output.append(0x5D)
        case .object:
            var members: [(key: [UInt8], value: Int)] = []
            var at = index + 1
            while at < end {
                var key = PaddedBytes()
                quote(tape[at], json, to: &key)
                members.append((Array(key.bytes), at + 1))
                at = Int(tape[at + 1].next)
            }
            members.sort { $0.key.lexicographicallyPrecedes($1.key) }
            output.append(0x7B)
            for (place, member) in members.enumerated() {
                if place > 0 { output.append(0x2C) }
                member.key.withUnsafeBufferPointer { output.append($0) }
                output.append(0x3A)
                write(tape, member.value, json, to: &output)
            }
            output.append(0x7D)
        default: output.append(json.base + Int(token.start), Int(token.end - token.start))
        }
    }

    private static func quote(_ token: JSONToken, _ json: borrowing PaddedBytes, to output: inout PaddedBytes) {
        let raw = Bytes(start: json.base + Int(token.start), count: Int(token.end - token.start))
        guard token.hasEscapes else { return JSONText.quote(raw, to: &output) }
        var plain = PaddedBytes(capacity: max(16, raw.count))
        plain.count = JSONText.unescape(raw, to: plain.base)
        JSONText.quote(plain.bytes, to: &output)
    }
}
