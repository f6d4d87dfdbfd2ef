/// Every OpenAI-compatible vendor. To add one, add an entry; the registry and the contract tests
/// pick it up.
public enum VendorProfiles {
    public static let all: [VendorProfile] = [
        // https://platform.openai.com/docs/api-reference/chat
        VendorProfile(
            ProviderInfo(id: "openai", name: "OpenAI", defaultBaseURL: "https://api.openai.com/v1", needsKey: true),
            extra: .only(
                VendorProfile.commonExtra.union([
                    "metadata", "store", "service_tier", "verbosity", "prompt_cache_key", "safety_identifier", "logprobs", "top_logprobs",
                ])),
            maxTokensField: "max_completion_tokens", embeddings: .openAI(asymmetric: false)),
        // https://docs.api.nvidia.com: schemas are strict per model, an unknown field is a 400 or 422.
        VendorProfile(
            ProviderInfo(
                id: "nvidia", name: "NVIDIA NIM", defaultBaseURL: "https://integrate.api.nvidia.com/v1", needsKey: true, modelListChecksKey: false),
            allowedFields: ["temperature", "top_p", "max_tokens", "stop", "seed", "tools", "tool_choice"],
            extra: .only(["frequency_penalty", "presence_penalty"]), supportsStreamOptions: false, embeddings: .openAI(asymmetric: true)),
        // https://huggingface.co/docs/inference-providers: a model may carry `:provider`, `:fastest`, `:cheapest`.
        VendorProfile(
            ProviderInfo(
                id: "huggingface", name: "Hugging Face", defaultBaseURL: "https://router.huggingface.co/v1", needsKey: true, modelListChecksKey: false
            ),
            embeddings: .featureExtraction),
        // Any server that speaks OpenAI's chat completions; the user gives its address.
        VendorProfile(
            ProviderInfo(id: "custom", name: "OpenAI-compatible", defaultBaseURL: nil, needsKey: false, modelListChecksKey: false), extra: .any,
            embeddings: .openAI(asymmetric: false)),
        // The llama.cpp server beside this one: `lora`, `cache_prompt`, `id_slot`, `grammar` pass through.
        VendorProfile(
            ProviderInfo(id: "local", name: "Local model", defaultBaseURL: nil, needsKey: false, prefersShortPrompts: true, isManaged: true),
            extra: .any,
            embeddings: .openAI(asymmetric: false)),
        // https://console.groq.com/docs/openai
        VendorProfile(ProviderInfo(id: "groq", name: "Groq", defaultBaseURL: "https://api.groq.com/openai/v1", needsKey: true)),
        // https://docs.together.ai/docs/openai-api-compatibility
        VendorProfile(
            ProviderInfo(id: "together", name: "Together AI", defaultBaseURL: "https://api.together.xyz/v1", needsKey: true),
            embeddings: .openAI(asymmetric: false)),
        // https://docs.mistral.ai/api: `seed` is called `random_seed`, usage comes without asking.
        VendorProfile(
            ProviderInfo(id: "mistral", name: "Mistral AI", defaultBaseURL: "https://api.mistral.ai/v1", needsKey: true),
            allowedFields: ["temperature", "top_p", "max_tokens", "stop", "tools", "tool_choice", "response_format"],
            extra: .only(["frequency_penalty", "presence_penalty", "parallel_tool_calls", "random_seed", "safe_prompt"]),
            supportsStreamOptions: false,
            embeddings: .openAI(asymmetric: false)),
        // https://api-docs.deepseek.com
        VendorProfile(ProviderInfo(id: "deepseek", name: "DeepSeek", defaultBaseURL: "https://api.deepseek.com/v1", needsKey: true)),
        // https://openrouter.ai/docs/api-reference/overview
        VendorProfile(
            ProviderInfo(
                id: "openrouter", name: "OpenRouter", defaultBaseURL: "https://openrouter.ai/api/v1", needsKey: true, modelListChecksKey: false),
            extra: .only(VendorProfile.commonExtra.union(["provider", "models", "route", "reasoning", "usage"]))),
    ]
}
