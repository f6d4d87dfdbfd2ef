extension ExampleReader {
    /// A message's text: a string, or a list of text parts, or nothing beside tool calls.
    func readContent(_ value: Int?, of turn: inout Turn, toolCalls: Int?, path: () -> String) -> Bool {
        let calls = toolCalls.map { tape[$0].kind != .null } ?? false
        guard let value, tape[value].kind != .null else {
            guard turn.role == .assistant, calls else {
                errors.add(
                    .missingContent, line: line, field: path(), found: value == nil ? "no text" : "null for a text", expected: "text",
                    hint: "write the message's text, or remove the message; only an assistant's with tool_calls may have none")
                return false
            }
            turn.hasText = false
            turn.isPlain = false
            return true
        }
        switch tape[value].kind {
        case .string: turn.text = text(value)
        case .array:
            guard join(value, into: &turn, path: path) else { return false }
        default:
            errors.add(
                .missingContent, line: line, field: path(), found: "\(tape[value].kindInWords) for a text", expected: "text",
                hint: tape[value].remedyForText(or: "remove the message"))
            return false
        }
        if turn.role == .assistant, !calls, isBlank(turn.text) {
            errors.add(
                .emptyReply, line: line, field: path(), found: "an empty reply of the assistant", expected: "text",
                hint: "write the reply, or remove the example")
            return false
        }
        return true
    }

    private func join(_ list: Int, into turn: inout Turn, path: () -> String) -> Bool {
        let end = Int(tape[list].next)
        var at = list + 1
        var index = 0
        var parts: [Bytes] = []
        while at < end {
            guard let part = textOfPart(at) else {
                let isNothing = tape[at].kind != .object
                errors.add(
                    .unsupportedContent, line: line, field: "\(path())[\(index)]",
                    found: isNothing ? "\(tape[at].kindInWords) among the parts of the content" : "a part of the content that is no text",
                    expected: #"{"type":"text","text":"…"}"#,
                    hint: isNothing ? "remove it, or write it as a part of text" : "only text can be learned here: remove images, sound and files")
                return false
            }
            parts.append(part)
            at = Int(tape[at].next)
            index += 1
        }
        turn.text = joined(parts)
        turn.isJoined = true
        return true
    }

    private func textOfPart(_ part: Int) -> Bytes? {
        guard tape[part].kind == .object else { return tape[part].kind == .string ? text(part) : nil }
        var found: Bytes?
        var at = part + 1
        while at < Int(tape[part].next) {
            let key = text(at)
            if key.equals("type"), tape[at + 1].kind != .string || !text(at + 1).equals("text") { return nil }
            if key.equals("text"), tape[at + 1].kind == .string { found = text(at + 1) }
            at = Int(tape[at + 1].next)
        }
        return found
    }

    /// Texts with a line end between them.
    func joined(_ parts: [Bytes]) -> Bytes {
        let length = parts.reduce(max(0, parts.count - 1)) { $0 + $1.count }
        let start = arena.take(length)
        var end = start
        for (index, part) in parts.enumerated() {
            if index > 0 {
                end.pointee = 0x0A
                end += 1
            }
            if let base = part.baseAddress { end.update(from: base, count: part.count) }
            end += part.count
        }
        return Bytes(start: start, count: length)
    }

    func isBlank(_ text: Bytes) -> Bool {
        guard let first = text.firstIndex(where: { !($0 == 0x20 || 0x09...0x0D ~= $0 || 0x1C...0x1F ~= $0) }) else { return true }
        // White space beyond ASCII: nearly every text ends the search with its first letter.
        guard text[first] >= 0x80 else { return false }
        let head = Bytes(rebasing: text[first..<min(first + 64, text.count)])
        return head.text.first?.isWhitespace != false && text.text.allSatisfy(\.isWhitespace)
    }

    func checkWeight(_ weight: Int?, path: () -> String) -> Bool {
        guard let weight else { return true }
        let value = raw(weight)
        if ["0", "1", "0.0", "1.0", "null"].contains(value.text) { return true }
        errors.add(
            .invalidWeight, line: line, field: "\(path()).weight", found: "the weight \(value.excerpt(20))", expected: "0 or 1",
            hint: "1 learns the reply, 0 leaves it out of the loss")
        return false
    }

    func checkToolCalls(_ calls: Int?, path: () -> String) -> Bool {
        guard let calls else { return true }
        let kind = tape[calls].kind
        if kind == .array || kind == .null || kind == .object { return true }
        errors.add(
            .dataType, line: line, field: "\(path()).tool_calls", found: "\(tape[calls].kindInWords) for tool calls", expected: "a list",
            hint: #"write [{"id":"…","type":"function","function":{"name":"…","arguments":"…"}}]"#)
        return false
    }
}
