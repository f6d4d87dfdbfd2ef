import Foundation

/// Why training leaves an example out.
///
/// The one decision about it: ``DatasetReader`` makes it of each record as it is read, and the upload's report, the preview, the estimate
/// and the job go by it. `engine/training/conversations.py` has the same rule for files that come from elsewhere;
/// `Tests/DatasetsTests/Fixtures/trainable.jsonl` holds both to the same answers.
public enum TrainingExclusion: String, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    /// The assistant calls a tool. A minion has none, and the base model's chat template has no place for calls.
    case toolCalls = "tool_calls"
    /// A tool's result stands among the messages.
    case toolResults = "tool_results"
    /// A message has neither text nor a call.
    case emptyMessage = "empty_message"
    /// No reply with a weight answers anything: an assistant's message that opens the conversation is context.
    case noReply = "no_reply"
    /// Training reads the same in an earlier example.
    case duplicate

    /// What the examples have, in words: "20 with tool calls".
    public var inWords: String {
        switch self {
        case .toolCalls: "with tool calls"
        case .toolResults: "with a tool's results"
        case .emptyMessage: "with a message that has no text"
        case .noReply: "without a reply to learn from"
        case .duplicate: "that repeat an earlier one"
        }
    }

    /// What to do about it.
    public var hint: String {
        switch self {
        case .toolCalls, .toolResults:
            "the base model's chat template has no place for tools: give the conversation without the calls and their results, or leave it out"
        case .emptyMessage: "write the message's text, or remove it"
        case .noReply: "add a message of the assistant's that answers one before it, and give it no weight of 0"
        case .duplicate: "each example counts once, however often it stands there: add different ones"
        }
    }

    /// Its warning in a report; duplicates have one with the line they repeat.
    var code: DatasetCode {
        switch self {
        case .toolCalls: .toolCalls
        case .toolResults: .toolResults
        case .emptyMessage: .emptyMessage
        case .noReply: .noReply
        case .duplicate: .duplicateExample
        }
    }

    var found: String {
        switch self {
        case .toolCalls: "a call of a tool, so training leaves the example out"
        case .toolResults: "a tool's result, so training leaves the example out"
        case .emptyMessage: "a message without text, so training leaves the example out"
        case .noReply: "no reply to learn from, so training leaves the example out"
        case .duplicate: "the same example as before"
        }
    }

    var expected: String {
        switch self {
        case .toolCalls, .toolResults: "messages of system, user and assistant"
        case .emptyMessage: "text"
        case .noReply: "a reply of the assistant's to a message before it"
        case .duplicate: "each example once"
        }
    }
}

/// How many examples are left out of training, by reason.
public typealias TrainingExclusions = [TrainingExclusion: Int]

extension TrainingExclusions {
    public var total: Int { values.reduce(0, +) }

    /// "20 with tool calls, 2 that repeat an earlier one".
    public var inWords: String { ordered.map { "\($1) \($0.inWords)" }.joined(separator: ", ") }

    /// What to do about the most frequent reason; nil where nothing is left out.
    public var hint: String? { ordered.first?.key.hint }

    /// As fields of JSON.
    public var byName: [String: Int] { [String: Int](uniqueKeysWithValues: map { ($0.rawValue, $1) }) }

    /// The most frequent first.
    public var ordered: [(key: TrainingExclusion, value: Int)] {
        filter { $0.value > 0 }.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
    }
}

/// A chat example as the trainer reads it: roles and texts.
public struct TrainingExample: Sendable, Encodable {
    public struct Message: Sendable, Encodable {
        public var role: String
        public var content: String
        /// 0 where a reply is not to be learned from.
        public var weight: Int?
    }

    public var messages: [Message]

    /// Nil for an example that training leaves out: ``ChatExample/exclusion`` says why.
    public init?(_ example: ChatExample) {
        guard example.exclusion == nil else { return nil }
        messages = example.messages.map { message in
            switch message.role {
            case .system, .developer: Message(role: "system", content: message.content ?? "")
            case .assistant: Message(role: "assistant", content: message.content ?? "", weight: message.isTrained ? nil : 0)
            case .user, .tool, .function: Message(role: "user", content: message.content ?? "")
            }
        }
    }

    /// One line of JSON with sorted keys: equal examples are equal text.
    public func line() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

extension ExampleReader {
    /// Why training leaves out the record that was read last; nil where it is trained from.
    var exclusion: TrainingExclusion? {
        var learns = false
        for (index, turn) in turns.enumerated() {
            if turn.callsTools { return .toolCalls }
            if turn.role == .tool || turn.role == .function { return .toolResults }
            if !turn.hasText { return .emptyMessage }
            learns = learns || index > 0 && turn.isTrained
        }
        return learns ? nil : .noReply
    }
}
