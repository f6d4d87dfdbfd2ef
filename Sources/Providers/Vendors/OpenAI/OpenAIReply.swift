import Domain

/// Reads a whole `chat.completion`. Pure.
public enum OpenAIReply {
    /// - Throws: ``ProviderError``: the vendor's own where the body carries one, `.malformedReply`
    ///   for a body without a choice.
    public static func events(_ json: JSONValue, provider: String, key: Secret? = nil) throws -> [ChatEvent] {
        if let error = json["error"], !error.isNull {
            throw OpenAIErrors.error(VendorFailure(status: 200, json: json), provider: provider, key: key)
        }
        let choice = json["choices"]?[0]
        let failure = choice.flatMap { OpenAIErrors.failure($0, provider: provider, key: key) }
        guard let choice, choice["message"] != nil || failure != nil else {
            throw ProviderError(.malformedReply, provider: provider, status: 200, message: "the reply has no choices")
        }
        var events: [ChatEvent] = []
        if let model = json["model"]?.stringValue { events.append(.model(model)) }
        var reader = OpenAIMessage(provider: provider)
        // What cannot be read has been paid for all the same.
        var unreadable: ProviderError?
        if let message = choice["message"] {
            do { events += try reader.events(message, isWhole: true) } catch let error as ProviderError { unreadable = error }
        }
        if let usage = OpenAIUsage.read(json["usage"]) { events.append(.usage(usage)) }
        let end = OpenAIMessage.finishReasons.end(choice["finish_reason"], provider: provider, key: key)
        events.append((failure ?? unreadable).map(ChatEvent.failed) ?? reader.end(end))
        return events
    }
}
