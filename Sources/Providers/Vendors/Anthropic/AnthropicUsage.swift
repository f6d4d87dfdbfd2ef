/// Running totals of one Anthropic reply. Counts are cumulative: one that comes again replaces the
/// former. Anthropic's `input_tokens` leaves cached tokens out; ours includes them.
struct AnthropicUsage: Sendable {
    private var input = 0, cacheWrite = 0, cacheRead = 0, output = 0, reasoning = 0
    private(set) var isKnown = false

    /// Takes the counts that `usage` carries; a missing or null one leaves the former.
    mutating func update(_ usage: JSONValue?) {
        guard let usage else { return }
        func take(_ name: String, _ count: inout Int) {
            guard let value = usage[name]?.intValue else { return }
            count = value
            isKnown = true
        }
        take("input_tokens", &input)
        take("cache_creation_input_tokens", &cacheWrite)
        take("cache_read_input_tokens", &cacheRead)
        take("output_tokens", &output)
        reasoning = usage["output_tokens_details"]?["thinking_tokens"]?.intValue ?? reasoning
    }

    var total: TokenUsage {
        TokenUsage(
            input: input + cacheWrite + cacheRead, output: output, cachedInput: cacheRead, cacheWrite: cacheWrite, reasoning: reasoning)
    }
}
