/// One example of any format, normalised: who says what, and everything else that stood in the record.
public struct ChatExample: Sendable, Equatable {
    public struct Message: Sendable, Equatable {
        public var role: ChatRole
        /// Nil where an assistant's message has tool calls alone; a `content` of null is among the fields then.
        public var content: String?
        /// The other fields, in the order of the file: `name`, `weight`, `tool_calls`, `tool_call_id`, and those nobody knows.
        public var fields: [JSONField]

        public init(role: ChatRole, content: String?, fields: [JSONField] = []) {
            self.role = role
            self.content = content
            self.fields = fields
        }

        /// Whether its text is learned: an assistant's, unless its weight is 0.
        public var isTrained: Bool {
            role == .assistant && !fields.contains { $0.name == "weight" && ($0.json == "0" || $0.json == "0.0") }
        }
    }

    /// The record this was made of, where it cannot be made again from the rest: not kept for plain `openai_chat` records.
    public struct Source: Sendable, Equatable {
        public var format: DatasetFormat
        /// The record as compact JSON.
        public var record: String
    }

    public var messages: [Message]
    /// `tools`, and the record's fields that nobody knows.
    public var fields: [JSONField]
    public var source: Source?
    /// Why training leaves it out; nil where it is trained from. Decided by the reader.
    public internal(set) var exclusion: TrainingExclusion?

    public init(messages: [Message], fields: [JSONField] = [], source: Source? = nil) {
        self.messages = messages
        self.fields = fields
        self.source = source
    }

    static let sourceKey: StaticString = "atelier_source"
}

/// A field whose value is kept as JSON text, exactly as it was written but for white space.
public struct JSONField: Sendable, Equatable {
    public var name: String
    public var json: String

    public init(name: String, json: String) {
        self.name = name
        self.json = json
    }
}
