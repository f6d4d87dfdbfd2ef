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

    /// What an optional field cannot be learned from is a mistake in Alpaca, where the format says what it holds. In the other formats it is
    /// a field like any that training does not read: files have a `context` or a `history` for purposes of their own.
    private var isStrict: Bool { layout.format == .alpaca }

    private func readQuestion(_ value: Int, _ name: String) {
        let context = field(.context)
        if layout.format == .promptCompletion, tape[value].kind == .array {
            if let more = context?.value { leave(more) }
            return readTurns(value, field: index(of: .ask)!, shareGPT: false)
        }
        guard let question = string(value, name) else { return }
        var parts = [question]
        if let context, let value = context.value {
            if let texts = texts(value) {
                parts += texts.filter { !isBlank($0) }
            } else if isStrict {
                return notText(value, context.name)
            } else {
                leave(value)
            }
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

    /// A text, or a list of texts, as passages are given; nil is neither.
    private func texts(_ value: Int) -> [Bytes]? {
        switch tape[value].kind {
        case .null: return []
        case .string: return [text(value)]
        case .array:
            var found: [Bytes] = []
            var at = value + 1
            while at < Int(tape[value].next) {
                guard tape[at].kind == .string else { return nil }
                found.append(text(at))
                at += 1
            }
            return found
        default: return nil
        }
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
            notText(value, name)
            return nil
        }
        return text(value)
    }

    private func notText(_ value: Int, _ name: String) {
        errors.add(
            .dataType, line: line, field: name, found: "\(tape[value].kindInWords) in \(name)", expected: "text",
            hint: tape[value].remedyForText(or: "remove the example"))
    }

    // MARK: Earlier turns

    private enum History {
        /// Nothing was said before.
        case none
        case pairs, messages
        /// The element that fits neither; nil where the value is no list at all.
        case wrong(index: Int?)
    }

    private func readHistory(_ list: Int, _ name: String) {
        switch history(list) {
        case .none: break
        case .pairs:
            var at = list + 1
            var index = 0
            while at < Int(tape[list].next) {
                turns.append(Turn(role: .user, text: text(at + 1)))
                readText(at + 2, "\(name)[\(index)][1]", as: .assistant)
                at = Int(tape[at].next)
                index += 1
            }
        case .messages: readTurns(list, field: self.index(of: .history)!, shareGPT: false)
        case .wrong(let index):
            guard isStrict else { return leave(list) }
            let place = index.map { "\(name)[\($0)]" } ?? name
            let value = index.map { element(list, $0) } ?? list
            errors.add(
                .dataType, line: line, field: place,
                found: index == nil ? "\(tape[value].kindInWords) in \(name)" : "\(tape[value].kindInWords) that is no pair of texts",
                expected: "a list of [question, reply], or of messages",
                hint: #"write [["…","…"],["…","…"]]; leave out a pair in which one of the two is null"#)
        }
    }

    /// What a history holds: pairs of a question and a reply, or messages of a role and a text.
    private func history(_ list: Int) -> History {
        if tape[list].kind == .null || tape[list].kind == .string && isBlank(text(list)) { return .none }
        guard tape[list].kind == .array else { return .wrong(index: nil) }
        let isOfMessages = Int(tape[list].next) > list + 1 && tape[list + 1].kind == .object
        var at = list + 1
        var index = 0
        while at < Int(tape[list].next) {
            guard isOfMessages ? isMessage(at) : isPair(at) else { return .wrong(index: index) }
            at = Int(tape[at].next)
            index += 1
        }
        return index == 0 ? .none : isOfMessages ? .messages : .pairs
    }

    private func isPair(_ value: Int) -> Bool {
        tape[value].kind == .array && Int(tape[value].next) == value + 3 && tape[value + 1].kind == .string && tape[value + 2].kind == .string
            && (isStrict || !isBlank(text(value + 2)))
    }

    private func isMessage(_ value: Int) -> Bool {
        guard tape[value].kind == .object else { return false }
        var role: ChatRole?
        var content: Bytes?
        var at = value + 1
        while at < Int(tape[value].next) {
            let key = text(at)
            if key.equals("role"), tape[at + 1].kind == .string { role = ChatRole(openAI: text(at + 1)) }
            if key.equals("content"), tape[at + 1].kind == .string { content = text(at + 1) }
            at = Int(tape[at + 1].next)
        }
        guard let role, let content else { return false }
        return role != .assistant || !isBlank(content)
    }

    private func element(_ list: Int, _ index: Int) -> Int {
        var at = list + 1
        for _ in 0..<index { at = Int(tape[at].next) }
        return at
    }
}

extension JSONToken {
    /// What to do about a value where text is wanted.
    func remedyForText(or instead: String) -> String {
        switch kind {
        case .null: "null says that there is no text: write it, or \(instead)"
        case .array, .object: "write it as one text in double quotes"
        default: "put it in double quotes"
        }
    }
}
