import Domain

/// Reads OpenAI's usage object.
enum OpenAIUsage {
    /// `nil` where it is absent, null or without a token count; ``TokenUsage/unbelievable`` where a count is impossible.
    /// `prompt_tokens` includes cached tokens already; DeepSeek names those `prompt_cache_hit_tokens`.
    static func read(_ usage: JSONValue?) -> TokenUsage? {
        guard let usage else { return nil }
        do {
            guard let input = try usage.tokenCount("prompt_tokens") else { return nil }
            let details = usage["prompt_tokens_details"]
            let cached = try details?.tokenCount("cached_tokens") ?? usage.tokenCount("prompt_cache_hit_tokens")
            return TokenUsage(
                input: input,
                output: try usage.tokenCount("completion_tokens") ?? 0,
                cachedInput: cached ?? 0,
                cacheWrite: try details?.tokenCount("cache_write_tokens") ?? 0,
                reasoning: try usage["completion_tokens_details"]?.tokenCount("reasoning_tokens") ?? 0)
        } catch { return .unbelievable }
    }
}
