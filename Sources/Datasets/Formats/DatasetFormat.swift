/// What the fields of a record mean.
public enum DatasetFormat: String, Sendable, Codable, CaseIterable {
    /// `{"messages":[{"role","content"}]}`, as OpenAI's fine-tuning takes it, with `name`, `weight`, `tool_calls`, `tools`; also with
    /// `system` beside the list, as Anthropic writes it.
    case openAIChat = "openai_chat"
    /// `{"conversations":[{"from","value"}]}`, also with `system` and `tools` beside the list.
    case shareGPT = "sharegpt"
    /// `{"instruction","input","output"}`, also with `system` and `history`, a list of `[question, reply]`.
    case alpaca
    /// `{"prompt","completion"}`, each text or a list of messages; also with `context`, `system` and `history`.
    case promptCompletion = "prompt_completion"
    /// `{"question","answer"}`, also with `context`, `system` and `history`.
    case questionAnswer = "question_answer"

    /// The part a field plays, whatever its name.
    enum Role: Sendable {
        case list, ask, context, reply, system, history
    }

    struct Field: Sendable {
        var name: String
        var role: Role
        var isRequired = false
        /// Other names it is known under.
        var aliases: [String] = []
    }

    var fields: [Field] {
        let system = Field(name: "system", role: .system, aliases: ["system_prompt"])
        let history = Field(name: "history", role: .history)
        let context = Field(name: "context", role: .context, aliases: ["input"])
        return switch self {
        case .openAIChat: [Field(name: "messages", role: .list, isRequired: true), system]
        case .shareGPT: [Field(name: "conversations", role: .list, isRequired: true, aliases: ["conversation"]), system]
        case .alpaca:
            [
                Field(name: "instruction", role: .ask, isRequired: true), Field(name: "input", role: .context, aliases: ["context"]),
                Field(name: "output", role: .reply, isRequired: true, aliases: ["response"]), system, history,
            ]
        case .promptCompletion:
            [
                Field(name: "prompt", role: .ask, isRequired: true),
                Field(name: "completion", role: .reply, isRequired: true, aliases: ["response", "reply"]), context, system, history,
            ]
        case .questionAnswer:
            [
                Field(name: "question", role: .ask, isRequired: true, aliases: ["q", "query"]),
                Field(name: "answer", role: .reply, isRequired: true, aliases: ["a", "response", "reply"]), context, system, history,
            ]
        }
    }

    /// A record of it, for hints.
    var sample: String {
        switch self {
        case .openAIChat: #"{"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]}"#
        case .shareGPT: #"{"conversations":[{"from":"human","value":"…"},{"from":"gpt","value":"…"}]}"#
        case .alpaca: #"{"instruction":"…","input":"","output":"…"}"#
        case .promptCompletion: #"{"prompt":"…","completion":"…"}"#
        case .questionAnswer: #"{"question":"…","answer":"…"}"#
        }
    }
}

/// How records are written into a file.
public enum DatasetEncoding: String, Sendable, Codable, CaseIterable {
    /// One JSON object a line.
    case jsonl
    /// One JSON list of objects.
    case json
    /// RFC 4180, with a header, and with semicolons or bars too; cells of `messages`, `conversations`, `history` and `tools` may hold JSON.
    case csv
    /// The same with tabs.
    case tsv

    /// What a table that is written here has between its cells.
    var delimiter: UInt8? {
        switch self {
        case .csv: 0x2C
        case .tsv: 0x09
        default: nil
        }
    }
}

/// What a file is taken for.
public struct DatasetLayout: Sendable, Codable, Equatable {
    public var format: DatasetFormat
    public var encoding: DatasetEncoding
    /// Told by the file's content; else the caller said so.
    public var formatDetected: Bool
    public var encodingDetected: Bool
    /// The format's fields → their names in this file, where they differ.
    public var fields: [String: String]
    /// What stands between the cells of a table; nil for JSON.
    public var delimiter: String?

    public init(
        format: DatasetFormat, encoding: DatasetEncoding, formatDetected: Bool = false, encodingDetected: Bool = false,
        fields: [String: String] = [:], delimiter: String? = nil
    ) {
        self.format = format
        self.encoding = encoding
        self.formatDetected = formatDetected
        self.encodingDetected = encodingDetected
        self.fields = fields
        self.delimiter = delimiter
    }

    enum CodingKeys: String, CodingKey {
        case format, encoding, fields, delimiter
        case formatDetected = "format_detected"
        case encodingDetected = "encoding_detected"
    }

    /// Fields by the names they have in this file.
    var namedFields: [(name: String, field: DatasetFormat.Field)] {
        format.fields.map { (fields[$0.name] ?? $0.name, $0) }
    }
}
