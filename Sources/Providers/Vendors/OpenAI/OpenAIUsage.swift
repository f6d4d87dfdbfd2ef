/// Reads OpenAI's usage object.
enum OpenAIUsage {
    /// `nil` where it is absent, null or without a token count. `prompt_tokens` includes cached
    /// tokens already; DeepSeek names those `prompt_cache_hit_tokens`.
    static func read(_ usage: JSONValue?) -> TokenUsage? {
        guard let usage, let input = usage["prompt_tokens"]?.intValue else { return nil }
        let details = usage["prompt_tokens_details"]
        return TokenUsage(
            input: input,
            output: usage["completion_tokens"]?.intValue ?? 0,
            cachedInput: details?["cached_tokens"]?.intValue ?? usage["prompt_cache_hit_tokens"]?.intValue ?? 0,
            cacheWrite: details?["cache_write_tokens"]?.intValue ?? 0,
            reasoning: usage["completion_tokens_details"]?["reasoning_tokens"]?.intValue ?? 0)
    }
}
