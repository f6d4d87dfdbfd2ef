import Domain

/// Reads what a streamed `delta` and a whole `message` have in common, and remembers the tool calls of one reply.
///
/// Compatible servers leave out a call's `index`, or give every call the same one: a new id that comes with a
/// name begins a new call, whatever its index.
struct OpenAIMessage: Sendable {
    private struct Call {
        var id: String?
        var name: String?
        var arguments = ""
    }

    let provider: String
    private var calls: [Call] = []
    /// From the vendor's number of a call to its place in the reply: the newest call of that number.
    private var places: [Int: Int] = [:]
    /// From the first id of a call to its place: a search through the calls would let a long reply cost its square.
    private var identified: [String: Int] = [:]

    init(provider: String) { self.provider = provider }

    /// Reasoning, text and tool calls, in that order.
    /// - Parameter isWhole: whether each call stands for itself: in a stream it may go on with an earlier one.
    /// - Throws: ``ProviderError`` of kind `.malformedReply` for content that cannot be read.
    mutating func events(_ message: JSONValue, isWhole: Bool) throws -> [ChatEvent] {
        var events: [ChatEvent] = []
        guard message.objectValue != nil || message.isNull else { throw unreadable("a message that is no object") }
        if let text = message["reasoning_content"]?.stringValue ?? message["reasoning"]?.stringValue, !text.isEmpty {
            events.append(.reasoning(text))
        }
        events += try content(message["content"])
        if let text = message["refusal"]?.stringValue, !text.isEmpty { events.append(.text(text)) }
        if let pieces = message["tool_calls"], !pieces.isNull {
            guard let pieces = pieces.arrayValue else { throw unreadable("tool_calls that are no list") }
            for piece in pieces {
                guard piece.objectValue != nil else { throw unreadable("a tool call that is no object") }
                events.append(
                    call(id: piece["id"], index: piece["index"]?.intValue, function: piece["function"], isWhole: isWhole))
            }
        } else if let function = message["function_call"], !function.isNull {
            // The form before tool_calls: one call, without an id.
            guard function.objectValue != nil else { throw unreadable("a function_call that is no object") }
            events.append(call(id: nil, index: 0, function: function, isWhole: isWhole))
        }
        return events
    }

    /// The end of the reply, told for what it is: a failure where calls are missing, or not whole though the vendor says so.
    /// - Parameter told: the vendor's word; `nil` where it marked the end without one.
    func end(_ told: ChatEvent?) -> ChatEvent {
        let isMarkedOnly = told == nil
        switch told ?? .finish(.other) {
        case .finish(.toolCalls) where calls.isEmpty:
            return failed(.abortedReply, "the vendor ended its reply for a tool call, and it has none")
        case .finish(let reason) where reason == .stop || reason == .toolCalls || reason == .other:
            for call in calls {
                guard let name = call.name else { return failed(.abortedReply, "a tool call has no name") }
                if call.arguments.allSatisfy(\.isWhitespace) || (try? JSONValue(parsing: call.arguments))?.objectValue != nil { continue }
                return isMarkedOnly
                    ? failed(.cutStream, "the reply ended without a finish reason, within the arguments of the tool call \"\(name)\"")
                    : failed(.abortedReply, "the arguments of the tool call \"\(name)\" are not a JSON object")
            }
            return isMarkedOnly && !calls.isEmpty ? .finish(.toolCalls) : .finish(reason)
        // Cut at a limit or by a filter: what came so far is all there is, and the reason says so.
        case let end: return end
        }
    }

    private mutating func call(id: JSONValue?, index: Int?, function: JSONValue?, isWhole: Bool) -> ChatEvent {
        let id = id?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        let name = function?["name"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        // An object instead of text: some compatible servers do.
        let arguments = function?["arguments"].map { $0.stringValue ?? ($0.isNull ? "" : $0.serialized()) } ?? ""
        let place = isWhole ? nil : place(id: id, index: index, hasName: name != nil)
        let position = place ?? calls.count
        if place == nil { calls.append(Call()) }
        if let index { places[index] = position }
        // Id and name are told once: a server may repeat them, or make up an id for every piece.
        let newID = calls[position].id == nil ? id : nil
        let newName = calls[position].name == nil ? name : nil
        if let newID {
            calls[position].id = newID
            identified[newID] = position
        }
        if let newName { calls[position].name = newName }
        calls[position].arguments += arguments
        return .toolCall(index: position, id: newID, name: newName, arguments: arguments)
    }

    /// The call that a streamed piece goes on with; `nil` where it begins one.
    private func place(id: String?, index: Int?, hasName: Bool) -> Int? {
        let numbered = index.flatMap { places[$0] }
        if let id {
            if let known = identified[id] { return known }
            // A name or an id that comes late; or a server that makes up an id for every piece.
            if let numbered, calls[numbered].id == nil || !hasName { return numbered }
            return nil
        }
        if index != nil { return numbered }
        return hasName || calls.isEmpty ? nil : calls.count - 1
    }

    /// A string, or a list of parts (`text`, `refusal`, Mistral's `thinking` and `reference`).
    private func content(_ content: JSONValue?) throws -> [ChatEvent] {
        guard let content, !content.isNull else { return [] }
        if let text = content.stringValue { return text.isEmpty ? [] : [.text(text)] }
        guard let parts = content.arrayValue else { throw unreadable("content that is neither text nor a list of parts") }
        return try parts.compactMap { part in
            if let text = part["text"]?.stringValue ?? part["refusal"]?.stringValue { return text.isEmpty ? nil : .text(text) }
            if let thinking = part["thinking"] {
                let thought = thinking.stringValue ?? (thinking.arrayValue ?? []).compactMap { $0["text"]?.stringValue }.joined()
                return thought.isEmpty ? nil : .reasoning(thought)
            }
            // The numbers of passages, which Mistral sets between the words.
            if part["type"]?.stringValue == "reference" { return nil }
            let type = part["type"]?.stringValue.map { String($0.unicodeScalars.prefix(50)) } ?? "unknown"
            throw unreadable("a part of type \"\(type)\"")
        }
    }

    private func unreadable(_ what: String) -> ProviderError {
        ProviderError(.malformedReply, provider: provider, status: 200, message: "the reply cannot be read: it has \(what)")
    }

    private func failed(_ kind: ProviderError.Kind, _ message: String) -> ChatEvent {
        .failed(ProviderError(kind, provider: provider, status: 200, message: message + ": it is not whole"))
    }

    /// OpenAI's own words and those of servers that are compatible with it but for them.
    static let finishReasons = FinishReasons(
        field: "finish_reason",
        known: [
            "stop": .stop, "eos": .stop, "eos_token": .stop, "end_turn": .stop, "stop_sequence": .stop, "complete": .stop,
            "length": .length, "max_tokens": .length, "max_output_tokens": .length, "model_length": .length,
            "tool_calls": .toolCalls, "function_call": .toolCalls, "tool_use": .toolCalls,
            "content_filter": .contentFilter, "refusal": .contentFilter, "safety": .contentFilter, "recitation": .contentFilter,
            "prohibited_content": .contentFilter, "blocklist": .contentFilter, "spii": .contentFilter,
        ],
        // vLLM and SGLang abort; DeepSeek runs out of resources.
        failures: [
            "error": .serverError, "abort": .serverError, "aborted": .serverError, "cancelled": .serverError,
            "insufficient_system_resource": .overloaded,
        ])
}
