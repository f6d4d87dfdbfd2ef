import Domain

/// What of a request a vendor does not get: hints are left out and named, everything that decides
/// what kind of reply comes is refused instead.
enum RequestCarriage {
    /// - Throws: ``ProviderError`` of kind `.unsupported`, naming the field.
    static func check(_ request: ChatRequest, vendor: VendorDefinition) throws {
        if !vendor.allows("tools") {
            if !request.tools.isEmpty { throw uncarried("tools", vendor) }
            for (index, message) in request.messages.enumerated() where message.role == .tool || !message.toolCalls.isEmpty {
                throw uncarried(message.role == .tool ? "messages[\(index)] of role tool" : "messages[\(index)].tool_calls", vendor)
            }
        }
        // Without the field, "none" is said by leaving the tools out.
        if !request.tools.isEmpty, !vendor.allows("tool_choice"), let choice = ToolChoice(request.toolChoice), choice.isBinding, choice != .never {
            throw uncarried("tool_choice", vendor)
        }
        if !vendor.allows("response_format"), ResponseFormat(request.responseFormat) != nil { throw uncarried("response_format", vendor) }
    }

    static func uncarried(_ field: String, _ vendor: VendorDefinition, _ advice: String? = nil) -> ProviderError {
        ProviderError(
            .unsupported, provider: vendor.id,
            message: "\(vendor.name) has no place for \(field)" + (advice.map { ": \($0)" } ?? "; leave it out or ask another provider"))
    }

    /// Names of the sampling and extra fields that `vendor`'s definition does not let through, in OpenAI's words, sorted.
    /// - Parameter takesNames: whether the dialect has a place for messages' names.
    static func dropped(_ request: ChatRequest, vendor: VendorDefinition, takesNames: Bool = false) -> [String] {
        let fields = vendor.fields(for: request.model)
        let name = VendorDefinition.messageName
        let unnamed = !(takesNames && fields.takes(name)) && request.messages.contains { $0.name != nil }
        let extra = request.extra.keys.filter { !fields.takesExtra($0) && !VendorDefinition.reservedFields.contains($0) }
        return (request.sampling.names.filter { !fields.takes($0) } + extra + (unnamed ? [name] : [])).sorted()
    }
}

extension Sampling {
    /// The stop sequences as JSON; `nil`, not a JSON null, where there are none.
    var stopSequences: JSONValue? {
        guard let stop, !stop.isEmpty else { return nil }
        return .array(stop.map(JSONValue.string))
    }

    /// Names of the fields that are set, in OpenAI's words.
    var names: [String] {
        [
            (temperature != nil, "temperature"), (topP != nil, "top_p"), (maxTokens != nil, "max_tokens"), (stop?.isEmpty == false, "stop"),
            (seed != nil, "seed"),
        ].filter(\.0).map(\.1)
    }
}
