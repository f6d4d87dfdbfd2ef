import Domain

/// A dialect's words for the end of a reply, and what each of them means.
///
/// A word that is listed nowhere is a failure: a reply that ended for a reason nobody knows may be half of one.
struct FinishReasons: Sendable {
    /// The vendor's field, as messages name it.
    let field: String
    /// Words of a reply that is as long as the model, the caller's limit or a filter let it be. Lower case.
    let known: [String: FinishReason]
    /// Words that name a failure whose kind is known. Lower case.
    var failures: [String: ProviderError.Kind] = [:]

    /// The event that ends the reply: ``ChatEvent/finish(_:)``, or ``ChatEvent/failed(_:)``; `nil` where nothing is said yet.
    /// - Parameter key: taken out of the message.
    func end(_ value: JSONValue?, provider: String, key: Secret?) -> ChatEvent? {
        guard let value, !value.isNull else { return nil }
        let word = value.stringValue ?? value.serialized()
        if word.isEmpty { return nil }
        // Some servers shout.
        if let reason = known[word] ?? known[word.lowercased()] { return .finish(reason) }
        let shown = Redaction.redact(String(word.unicodeScalars.prefix(100)), key: key)
        return .failed(
            ProviderError(
                failures[word.lowercased()] ?? .abortedReply, provider: provider, status: 200,
                message: "the vendor ended its reply with \(field) \"\(shown)\": it is not whole"))
    }
}
