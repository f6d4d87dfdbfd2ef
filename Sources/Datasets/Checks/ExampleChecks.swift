/// What is said of valid examples: how many, how long, in what language, seen before, and what should not stand in them.
final class ExampleChecks {
    private let maxTokens: Int
    private let estimate: any TokenEstimate
    /// The same, where it is the default: called without a look-up.
    private let constant: BytesPerToken?
    private let duplicates: DuplicateFinder
    private let seed = Fingerprint()
    @exclusivity(unchecked) private var matches: [SensitiveScan.Match] = []
    @exclusivity(unchecked) private var tokens = TokenCounts()
    @exclusivity(unchecked) private var languages = [Int](repeating: 0, count: LanguageGuess.names.count)
    private var examples = 0
    private var replies = 0
    private var repeated = 0
    private var leftOut: TrainingExclusions = [:]
    private var overLong = 0
    @exclusivity(unchecked) private var fields = FieldLog()

    init(_ options: DatasetOptions) {
        maxTokens = options.maxTokens
        estimate = options.tokens
        constant = options.tokens as? BytesPerToken
        duplicates = DuplicateFinder(limit: options.hashesInMemory, scratch: options.scratch)
    }

    /// - Parameter changed: the example as it is handed out, where that differs from what was read.
    func check(_ reader: ExampleReader, changed: ChatExample? = nil) throws {
        examples += 1
        var length = 0
        var learned = 0
        var isTold = false
        let exclusion = reader.exclusion
        for (index, turn) in reader.turns.enumerated() {
            length += constant.map { $0.perMessage + $0.tokens(of: turn.text) } ?? (estimate.perMessage + estimate.tokens(of: turn.text))
            guard turn.role == .assistant else { continue }
            if turn.isTrained, index > 0, exclusion == nil { learned += 1 }
            if !isTold {
                languages[LanguageGuess.guess(turn.text)] += 1
                isTold = true
            }
        }
        tokens.add(length)
        scanForSecrets(reader)
        if let exclusion {
            leftOut[exclusion, default: 0] += 1
            reader.warnings.add(
                exclusion.code, line: reader.line, found: exclusion.found, expected: exclusion.expected, hint: exclusion.hint)
            return
        }
        fields.add(reader)
        if length > maxTokens {
            overLong += 1
            reader.warnings.add(
                .overLong, line: reader.line, found: "about \(length) tokens", expected: "at most \(maxTokens)",
                hint: "training cuts the beginning of a long conversation and leaves out replies that do not fit: split it")
        }
        let fingerprint = changed?.fingerprint(seed: seed) ?? reader.fingerprint(seed: seed)
        if let first = try duplicates.add(fingerprint, line: reader.line) {
            duplicate(reader.line, first, reader)
        } else {
            replies += learned
        }
    }

    private func duplicate(_ line: Int, _ first: Int, _ reader: ExampleReader) {
        repeated += 1
        reader.warnings.add(
            .duplicateExample, line: line, found: "the same example as on line \(first)", expected: "each example once",
            hint: "remove it; training takes repeated examples once")
    }

    private func scanForSecrets(_ reader: ExampleReader) {
        for turn in reader.turns { SensitiveScan.scan(turn.text, into: &matches) }
        if !matches.isEmpty {
            // Rare: once more, turn by turn, for the field.
            for (index, turn) in reader.turns.enumerated() { scan(turn.text, reader) { reader.path(of: index) } }
        }
        for (index, turn) in reader.turns.enumerated() where !turn.isPlain {
            guard let object = turn.object else { continue }
            // All texts of the message but its content, which was looked at.
            for token in TextTokens.values(of: reader.tape, in: object..<Int(reader.tape[object].next)) where !reader.isContent(token, of: object) {
                scan(reader.text(token), reader) { reader.path(of: index) }
            }
        }
        for key in reader.extras {
            for token in TextTokens.values(of: reader.tape, in: key + 1..<Int(reader.tape[key + 1].next)) {
                scan(reader.text(token), reader) { String(reader.text(key).text.prefix(40)) }
            }
        }
    }

    private func scan(_ text: Bytes, _ reader: ExampleReader, _ field: () -> String) {
        matches.removeAll(keepingCapacity: true)
        SensitiveScan.scan(text, into: &matches)
        for match in matches { warn(match, reader, field) }
        matches.removeAll(keepingCapacity: true)
    }

    /// What was found is not shown: reports are stored and read by others.
    private func warn(_ match: SensitiveScan.Match, _ reader: ExampleReader, _ field: () -> String) {
        reader.warnings.add(
            match.kind == .email ? .emailFound : .secretFound, line: reader.line, field: field(),
            found: "\(match.kind.inWords) of \(match.range.count) characters", expected: "none in training data",
            hint: match.kind == .email
                ? "a model can repeat it: remove it, or have it redacted" : "revoke it where it is valid, and remove it or have it redacted")
    }

    func finish(into report: inout DatasetReport, _ reader: ExampleReader) throws {
        try duplicates.finish { duplicate($0, $1, reader) }
        report.examples = examples
        report.replies = replies
        report.duplicates = repeated
        if repeated > 0 { leftOut[.duplicate] = repeated }
        report.leftOut = leftOut
        report.trainable = examples - leftOut.total
        report.tokens = tokens.histogram(overLong: overLong)
        fields.finish(into: &report, &reader.warnings)
        report.languages = languages.indices.filter { languages[$0] > 0 }.map {
            LanguageShare(language: LanguageGuess.names[$0], examples: languages[$0])
        }
        report.languages.sort { ($1.examples, $0.language) < ($0.examples, $1.language) }
    }
}

extension ExampleReader {
    /// The field a turn was read from.
    func path(of turn: Int) -> String {
        let list = layout.namedFields[0].name
        switch layout.format {
        case .openAIChat, .shareGPT:
            // A system text beside the list is a turn before it.
            let first = turns.first?.object == nil ? 1 : 0
            return turn < first
                ? field(.system)?.name ?? "system" : "\(list)[\(turn - first)].\(layout.format == .shareGPT ? "value" : "content")"
        default:
            switch turns[turn].role {
            case .system: return field(.system)?.name ?? list
            case .assistant where turn == turns.count - 1: return field(.reply)?.name ?? list
            case .user where turn == turns.count - 2: return list
            default: return field(.history)?.name ?? list
            }
        }
    }

    /// Whether a token is, or is inside of, a message's content.
    func isContent(_ token: Int, of object: Int) -> Bool {
        var at = object + 1
        while at < Int(tape[object].next) {
            if TurnKey(text(at), shareGPT: layout.format == .shareGPT) == .content { return at + 1 <= token && token < Int(tape[at + 1].next) }
            at = Int(tape[at + 1].next)
        }
        return false
    }
}
