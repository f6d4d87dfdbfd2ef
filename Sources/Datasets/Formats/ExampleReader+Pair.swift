extension ExampleReader {
    /// Alpaca, prompt and completion, question and answer: a question and a reply in fields of their own.
    func readPair() {
        guard let ask = field(.ask), let reply = field(.reply) else { return }
        for (value, name) in [ask, reply] where value == nil {
            errors.add(
                .missingField, line: line, field: name, found: "no \(name), but the fields \(keysOfRecord.prefix(6).joined(separator: ", "))",
                expected: "\(ask.name) and \(reply.name)", hint: otherFormat() ?? "write \(layout.format.sample)")
        }
        guard let asked = ask.value, let replied = reply.value else { return }
        if let system = field(.system), let value = system.value { readText(value, system.name, as: .system) }
        if let history = field(.history), let value = history.value { readHistory(value, history.name) }
        readQuestion(asked, ask.name)
        if layout.format == .promptCompletion, tape[replied].kind == .array {
            readTurns(replied, field: index(of: .reply)!, shareGPT: false)
        } else {
            readText(replied, reply.name, as: .assistant)
        }
    }

    private func readQuestion(_ value: Int, _ name: String) {
        if layout.format == .promptCompletion, tape[value].kind == .array { return readTurns(value, field: index(of: .ask)!, shareGPT: false) }
        guard let question = string(value, name) else { return }
        var parts = [question]
        if let context = field(.context), let value = context.value, tape[value].kind != .null {
            guard let more = string(value, context.name) else { return }
            if !isBlank(more) { parts.append(more) }
        }
        if parts.count == 1, isBlank(question) {
            errors.add(
                .emptyPrompt, line: line, field: name, found: "an empty \(name)", expected: "text", hint: "write what is asked, or remove the example"
            )
            return
        }
        // As LLaMA-Factory joins them: the instruction, a line end, the input.
        turns.append(Turn(role: .user, text: parts.count == 1 ? question : joined(parts)))
    }

    func readText(_ value: Int, _ name: String, as role: ChatRole) {
        if role == .system, tape[value].kind == .null { return }
        guard let content = string(value, name) else { return }
        if isBlank(content) {
            if role == .system { return }
            errors.add(
                .emptyReply, line: line, field: name, found: "an empty \(name)", expected: "text", hint: "write the reply, or remove the example")
            return
        }
        turns.append(Turn(role: role, text: content, isTrained: role == .assistant))
    }

    private func string(_ value: Int, _ name: String) -> Bytes? {
        guard tape[value].kind == .string else {
            errors.add(
                .dataType, line: line, field: name, found: "\(tape[value].kindInWords) in \(name)", expected: "text",
                hint: "put it in double quotes")
            return nil
        }
        return text(value)
    }

    private func readHistory(_ list: Int, _ name: String) {
        if tape[list].kind == .null || tape[list].kind == .string && isBlank(text(list)) { return }
        func wrong(_ field: String, _ found: String) {
            errors.add(
                .dataType, line: line, field: field, found: found, expected: "a list of [question, reply]", hint: #"write [["…","…"],["…","…"]]"#)
        }
        guard tape[list].kind == .array else { return wrong(name, "\(tape[list].kindInWords) in \(name)") }
        var at = list + 1
        var index = 0
        while at < Int(tape[list].next) {
            guard tape[at].kind == .array, Int(tape[at].next) == at + 3, tape[at + 1].kind == .string, tape[at + 2].kind == .string else {
                return wrong("\(name)[\(index)]", "\(tape[at].kindInWords) that is no pair of texts")
            }
            turns.append(Turn(role: .user, text: text(at + 1)))
            readText(at + 2, "\(name)[\(index)][1]", as: .assistant)
            at = Int(tape[at].next)
            index += 1
        }
    }
}
