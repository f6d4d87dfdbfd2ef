import Foundation

/// Reads a chat JSONL file as a stream: one line in memory at a time, whatever the file's size.
public struct ChatFile: Sendable {
    /// Longest line that is read; a longer one is an error at its number.
    public static let maxLineBytes = 4 << 20
    static let roles: Set<String> = ["system", "user", "assistant"]

    let url: URL

    public init(_ url: URL) { self.url = url }

    /// Calls `body` with each valid example.
    /// - Returns: the number of examples and of assistant replies.
    /// - Throws: ``DatasetInvalid`` with every problem of the file, after the whole of it was read.
    @discardableResult
    public func read(_ body: (ChatExample) throws -> Void = { _ in }) throws -> (examples: Int, replies: Int) {
        var problems: [DatasetProblem] = []
        var count = 0
        var examples = 0
        var replies = 0
        func report(_ found: [DatasetProblem]) {
            count += found.count
            problems += found.prefix(max(0, 100 - problems.count))
        }
        var lines = try BoundedLines(url, limit: Self.maxLineBytes)
        while let line = try lines.next() {
            try Task.checkCancellation()
            switch line.content {
            case .tooLong(let bytes):
                report([
                    DatasetProblem(
                        line: line.number, code: "line_too_long", message: "line of \(bytes) bytes, longer than \(Self.maxLineBytes)",
                        hint: "one example is one line; split the conversation or check for missing newlines")
                ])
            case .bytes(let data):
                if data.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
                switch Self.parse(data, line: line.number) {
                case .success(let example):
                    examples += 1
                    replies += example.messages.count { $0.role == "assistant" }
                    try body(example)
                case .failure(let invalid): report(invalid.problems)
                }
            }
        }
        if count > 0 {
            throw DatasetInvalid(message: "\(count) problem\(count == 1 ? "" : "s") in \(lines.count) lines", problems: problems, count: count)
        }
        guard examples > 0 else {
            throw DatasetInvalid(
                message: "the file holds no examples",
                problems: [
                    DatasetProblem(
                        code: "empty_file", message: "no examples found",
                        hint: #"one example a line: {"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]}"#)
                ])
        }
        return (examples, replies)
    }

    static func parse(_ data: Data, line: Int) -> Result<ChatExample, DatasetInvalid> {
        var data = data
        if line == 1, data.starts(with: [0xEF, 0xBB, 0xBF]) { data = Data(data.dropFirst(3)) }
        var problems: [DatasetProblem] = []
        func problem(_ code: String, _ field: String?, _ message: String, _ hint: String) {
            problems.append(DatasetProblem(line: line, field: field, code: code, message: message, hint: hint))
        }
        guard String(validating: data, as: UTF8.self) != nil else {
            problem("invalid_utf8", nil, "the line is not UTF-8 text", "save the file as UTF-8; a binary or compressed file cannot be read as JSONL")
            return .failure(DatasetInvalid(message: "invalid", problems: problems))
        }
        guard let value = try? JSONSerialization.jsonObject(with: data, options: [.fragmentsAllowed]) else {
            problem("invalid_json", nil, "the line is not JSON: \(excerpt(data))", "each line is one whole JSON object")
            return .failure(DatasetInvalid(message: "invalid", problems: problems))
        }
        guard let object = value as? [String: Any] else {
            problem("data_type", nil, "the line is \(kind(value)), not an object", #"each line is one object: {"messages":[…]}"#)
            return .failure(DatasetInvalid(message: "invalid", problems: problems))
        }
        guard let messages = object["messages"] as? [Any], !messages.isEmpty else {
            let found =
                object["messages"].map { "messages is \(kind($0))" } ?? "found the fields \(object.keys.sorted().prefix(6).joined(separator: ", "))"
            problem(
                "missing_messages_list", "messages", "no list of messages: \(found)",
                #"add "messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]"#)
            return .failure(DatasetInvalid(message: "invalid", problems: problems))
        }
        var parsed: [ChatExample.Message] = []
        for (index, entry) in messages.enumerated() {
            let field = "messages[\(index)]"
            guard let message = entry as? [String: Any] else {
                problem("data_type", field, "\(field) is \(kind(entry)), not an object", #"write {"role":"…","content":"…"}"#)
                continue
            }
            guard let role = message["role"] as? String else {
                problem("message_missing_key", "\(field).role", "\(field) has no role", "role is one of system, user, assistant")
                continue
            }
            guard roles.contains(role) else {
                problem("unrecognized_role", "\(field).role", "role \"\(role.prefix(40))\" is not known", "role is one of system, user, assistant")
                continue
            }
            guard let content = message["content"] as? String else {
                let found = message["content"].map(kind) ?? "absent"
                problem("missing_content", "\(field).content", "content is \(found), not text", "content is a string")
                continue
            }
            if role == "assistant", content.allSatisfy(\.isWhitespace) {
                problem("empty_reply", "\(field).content", "the assistant's reply is empty", "write the reply, or remove the example")
            }
            parsed.append(.init(role: role, content: content))
        }
        if problems.isEmpty, !parsed.contains(where: { $0.role == "assistant" }) {
            problem(
                "example_missing_assistant_message", "messages", "no message of the assistant", "the assistant's replies are what is learned: add one"
            )
        }
        return problems.isEmpty ? .success(ChatExample(messages: parsed)) : .failure(DatasetInvalid(message: "invalid", problems: problems))
    }

    private static func excerpt(_ data: Data) -> String {
        let text = String(decoding: data.prefix(40), as: UTF8.self)
        return "\"\(text)\(data.count > 40 ? "…" : "")\""
    }

    private static func kind(_ value: Any) -> String {
        switch value {
        case is NSNull: "null"
        case is String: "text"
        case is [Any]: (value as? [Any])?.isEmpty == true ? "an empty list" : "a list"
        case is [String: Any]: "an object"
        default: "a number or a boolean"
        }
    }
}
