extension ExampleReader {
    /// A list of messages: OpenAI's and ShareGPT's records.
    func readList() {
        let isShareGPT = layout.format == .shareGPT
        // The list is the format's first field. Its name is made where it is shown: that is never in a good file.
        let found = values[0]
        guard let value = found, tape.tokens[value].kind == .array, tape.tokens[value].next > value + 1 else {
            let name = fields[0].name
            errors.add(
                isShareGPT ? .missingConversationsList : .missingMessagesList, line: line, field: name, found: foundInstead(of: values[0], name),
                expected: "a list of messages in \(name)",
                hint: otherFormat() ?? "write \(layout.format.sample)\(found == nil ? namesThatWouldDo().map { "; or \($0)" } ?? "" : "")")
            return
        }
        if let system = field(.system), let value = system.value {
            // Beside OpenAI's list it may be anything, as all that is no part of that format.
            if isShareGPT || tape[value].kind == .string { readText(value, system.name, as: .system) } else { leave(value) }
        }
        readTurns(value, field: 0, shareGPT: isShareGPT)
    }

    private func foundInstead(of value: Int?, _ name: String) -> String {
        if let value { return "\(name) is \(tape[value].kindInWords)" }
        let keys = keysOfRecord.prefix(6)
        return keys.isEmpty ? "no \(name) in an empty object" : "no \(name), but the fields \(keys.joined(separator: ", "))"
    }

    var keysOfRecord: [String] {
        var keys: [String] = []
        var at = 1
        while at < Int(tape[0].next) {
            keys.append(text(at).text)
            at = Int(tape[at + 1].next)
        }
        return keys
    }

    /// Where the record looks like another format, that is said.
    func otherFormat() -> String? {
        guard let other = FormatGuess.format(of: keysOfRecord)?.format, other != layout.format else { return nil }
        return
            "this record looks like \(other.rawValue), the file was read as \(layout.format.rawValue): keep one format in a file, or name the other"
    }

    func readTurns(_ list: Int, field: Int, shareGPT: Bool) {
        let end = Int(tape[list].next)
        var at = list + 1
        var index = 0
        while at < end {
            readTurn(at, shareGPT: shareGPT) { "\(fields[field].name)[\(index)]" }
            at = Int(tape.tokens[at].next)
            index += 1
        }
    }

    private func readTurn(_ object: Int, shareGPT: Bool, path: () -> String) {
        let tokens = tape.tokens
        guard tokens[object].kind == .object else {
            errors.add(
                .dataType, line: line, field: path(), found: "\(tokens[object].kindInWords) in the list", expected: "an object",
                hint: shareGPT ? #"write {"from":"…","value":"…"}"# : #"write {"role":"…","content":"…"}"#)
            return
        }
        var role: Int?
        var content: Int?
        var weight: Int?
        var toolCalls: Int?
        var functionCall: Int?
        var seen: UInt32 = 0
        var others = 0
        let end = Int(tokens[object].next)
        var at = object + 1
        while at < end {
            let key = text(at)
            let value = at + 1
            if let known = TurnKey(key, shareGPT: shareGPT), known != .other {
                if seen & 1 << known.rawValue != 0 { duplicate(key, in: path()) }
                seen |= 1 << known.rawValue
                switch known {
                case .role: role = value
                case .content: content = value
                case .weight:
                    weight = value
                    others += 1
                case .toolCalls:
                    toolCalls = value
                    others += 1
                case .functionCall:
                    functionCall = value
                    others += 1
                default: others += 1
                }
            } else {
                others += 1
                if others > 1, others < Self.keysCompared { checkDuplicate(key, before: at, in: object, path: path) }
                if strictKeys, TurnKey(key, shareGPT: shareGPT) == nil { unrecognized(key, path: path) }
            }
            at = Int(tokens[value].next)
        }
        guard let role, tokens[role].kind == .string else {
            let found = role.map { "\(tokens[$0].kindInWords) for a role" } ?? "no role"
            errors.add(
                .messageMissingKey, line: line, field: "\(path()).\(shareGPT ? "from" : "role")", found: found, expected: Self.roles(shareGPT),
                hint: "say who speaks, in double quotes")
            return
        }
        let name = text(role)
        guard let speaker = shareGPT ? ChatRole(shareGPT: name) : ChatRole(openAI: name) else {
            errors.add(
                .unrecognizedRole, line: line, field: "\(path()).\(shareGPT ? "from" : "role")", found: "the role \(name.excerpt())",
                expected: Self.roles(shareGPT), hint: "rename the role")
            return
        }
        var turn = Turn(role: speaker, object: object, isPlain: others == 0)
        // Messages as OpenAI answers them have both, and `null` in them.
        if let calls = toolCalls, tokens[calls].kind == .null { toolCalls = functionCall ?? calls }
        toolCalls = toolCalls ?? functionCall
        guard readContent(content, of: &turn, toolCalls: toolCalls, path: { "\(path()).\(shareGPT ? "value" : "content")" }) else { return }
        guard checkWeight(weight, path: path), checkToolCalls(toolCalls, path: path) else { return }
        if speaker == .assistant { turn.isTrained = weight.map { raw($0).equals("0") || raw($0).equals("0.0") } != true }
        turn.callsTools = toolCalls.map(hasCalls) == true || functionCall.map(hasCalls) == true || shareGPT && name.equals("function_call")
        if turn.callsTools { turn.isPlain = false }
        turns.append(turn)
    }

    /// Exporters write `null` or an empty list into every message without calls.
    private func hasCalls(_ value: Int) -> Bool {
        switch tape[value].kind {
        case .array, .object: Int(tape[value].next) > value + 1
        default: false
        }
    }

    private static func roles(_ shareGPT: Bool) -> String {
        shareGPT ? "one of system, human, gpt, tool" : "one of system, developer, user, assistant, tool"
    }

    private func checkDuplicate(_ key: Bytes, before: Int, in object: Int, path: () -> String) {
        var at = object + 1
        while at < before {
            if text(at).elementsEqual(key) { return duplicate(key, in: path()) }
            at = Int(tape[at + 1].next)
        }
    }

    private func unrecognized(_ key: Bytes, path: () -> String) {
        let name = key.text.prefix(40)
        errors.add(
            .messageUnrecognizedKey, line: line, field: "\(path()).\(name)", found: "the unknown key \"\(name)\"",
            expected: UnreadFields.messageKeys, hint: "remove it")
    }
}
