import Domain

/// Running totals of one Anthropic reply. Counts are cumulative: one that comes again replaces the
/// former. Anthropic's `input_tokens` leaves cached tokens out; ours includes them.
struct AnthropicUsage: Sendable {
    private var input = 0, cacheWrite = 0, cacheRead = 0, output = 0, reasoning = 0
    /// Once a count was impossible, none of the reply's are believed.
    private var isBelieved = true
    private(set) var isKnown = false

    /// Takes the counts that `usage` carries; a missing or null one leaves the former.
    mutating func update(_ usage: JSONValue?) {
        guard let usage else { return }
        func take(_ name: String, from counts: JSONValue? = nil, _ count: inout Int) throws(ImpossibleCount) -> Bool {
            guard let value = try (counts ?? usage).tokenCount(name) else { return false }
            count = value
            return true
        }
        do {
            let told = [
                try take("input_tokens", &input), try take("cache_creation_input_tokens", &cacheWrite),
                try take("cache_read_input_tokens", &cacheRead), try take("output_tokens", &output),
            ]
            isKnown = isKnown || told.contains(true)
            _ = try take("thinking_tokens", from: usage["output_tokens_details"] ?? .null, &reasoning)
        } catch {
            isBelieved = false
            isKnown = true
        }
    }

    var total: TokenUsage {
        let total = TokenUsage(
            input: input + cacheWrite + cacheRead, output: output, cachedInput: cacheRead, cacheWrite: cacheWrite, reasoning: reasoning)
        return isBelieved && total.input <= TokenUsage.limit ? total : .unbelievable
    }
}
