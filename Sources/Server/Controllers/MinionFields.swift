import Domain
import Providers
import Store

/// From a request's body to the part of a minion its user writes.
struct MinionFields {
    private typealias Bounds = PipelineSettings.Bounds

    let offered: Set<String>

    /// - Parameter current: what an absent field keeps; nil for a new minion.
    func read(_ fields: inout RequestFields, current: Minion?) -> MinionDraft {
        let name = current == nil ? fields.requiredName("name", length: 1...100) : fields.name("name", length: 1...100) ?? current!.name
        let provider = current == nil ? fields.requiredName("provider", length: 1...60) : fields.name("provider", length: 1...60) ?? current!.provider
        check(provider, "provider", &fields)
        var draft = MinionDraft(
            name: name, displayName: fields.name("display_name", length: 1...100) ?? current?.displayName ?? name, provider: provider,
            modelID: current == nil ? fields.requiredName("model_id") : fields.name("model_id") ?? current!.modelID)
        draft.baseURL = fields.string("base_url", length: 0...500) ?? current?.baseURL
        if draft.baseURL == "" { draft.baseURL = nil }
        draft.systemPrompt = fields.string("system_prompt", length: 0...Minion.Bounds.systemPrompt) ?? current?.systemPrompt ?? ""
        draft.sampling = current?.sampling ?? .init()
        draft.pipeline = current?.pipeline ?? .init()
        draft.fallbacks = current?.fallbacks ?? []
        draft.releasePolicy = current?.releasePolicy ?? .init()
        fields.nested("release_policy") { draft.releasePolicy = Self.policy(&$0) }
        fields.nested("sampling") { inner in
            draft.sampling = Sampling(
                temperature: inner.number("temperature", Sampling.Bounds.temperature),
                topP: inner.number("top_p", Sampling.Bounds.topP),
                maxTokens: inner.integer("max_tokens", Sampling.Bounds.maxTokens),
                seed: inner.integer("seed", Sampling.Bounds.seed))
        }
        fields.nested("pipeline") { inner in
            draft.pipeline.mode = inner.choice("mode", PipelineSettings.Mode.self) ?? draft.pipeline.mode
            draft.pipeline.order = inner.choice("order", PipelineSettings.Order.self) ?? draft.pipeline.order
            draft.pipeline.voicePrompt = inner.choice("voice_prompt", PipelineSettings.VoicePrompt.self) ?? draft.pipeline.voicePrompt
            draft.pipeline.voiceExamples = inner.integer("voice_examples", Bounds.voiceExamples) ?? draft.pipeline.voiceExamples
            draft.pipeline.draftTimeout = inner.number("draft_timeout", Bounds.timeout) ?? draft.pipeline.draftTimeout
            draft.pipeline.restyleTimeout = inner.number("restyle_timeout", Bounds.timeout) ?? draft.pipeline.restyleTimeout
            draft.pipeline.restyleThreshold = inner.number("restyle_threshold", Bounds.restyleThreshold) ?? draft.pipeline.restyleThreshold
            draft.pipeline.spread = inner.choice("spread", Spread.self) ?? draft.pipeline.spread
            // Empty takes it away; absent keeps it.
            if let model = inner.name("embedding_model", length: 0...200) { draft.pipeline.embeddingModel = model.isEmpty ? nil : model }
            draft.pipeline.useDraft = inner.bool("use_draft") ?? draft.pipeline.useDraft
            draft.pipeline.usePassages = inner.bool("use_passages") ?? draft.pipeline.usePassages
            draft.pipeline.topK = inner.integer("top_k", Bounds.topK) ?? draft.pipeline.topK
            draft.pipeline.rerank = inner.integer("rerank", Bounds.rerank) ?? draft.pipeline.rerank
            draft.pipeline.expand = inner.integer("expand", Bounds.expand) ?? draft.pipeline.expand
            draft.pipeline.neighbours = inner.integer("neighbours", Bounds.neighbours) ?? draft.pipeline.neighbours
            // 0 takes the bound away.
            if let tokens = inner.integer("passage_tokens", 0...Bounds.passageTokens.upperBound) {
                draft.pipeline.passageTokens = tokens == 0 ? nil : tokens
            }
            draft.pipeline.draftMaxTokens = inner.integer("draft_max_tokens", Bounds.draftMaxTokens) ?? draft.pipeline.draftMaxTokens
            draft.pipeline.draftTemperature = inner.number("draft_temperature", Bounds.draftTemperature) ?? draft.pipeline.draftTemperature
            draft.pipeline.cache = inner.choice("cache", PipelineSettings.Cache.self) ?? draft.pipeline.cache
            draft.pipeline.adapterScale = inner.number("adapter_scale", Bounds.adapterScale) ?? draft.pipeline.adapterScale
        }
        if let entries = fields.objects("fallbacks", max: 8) {
            draft.fallbacks = entries.enumerated().map { index, entry in
                fallback(entry, index, &fields)
            }
        }
        return draft
    }

    /// A policy is written as a whole: half of one would mean what nobody wrote.
    private static func policy(_ fields: inout RequestFields) -> ReleasePolicy {
        let mode = fields.choice("mode", ReleasePolicy.Mode.self)
        if !fields.has("mode") { fields.fail("mode", "is required", hint: "always, automatic or manual") }
        let policy = ReleasePolicy(
            mode: mode ?? .always, metric: fields.string("metric", length: 1...100), arm: fields.string("arm", length: 1...100),
            margin: fields.number("margin", -1e9...1e9) ?? 0, better: fields.choice("better", ReleasePolicy.Direction.self))
        if policy.mode == .automatic, !fields.has("metric") {
            fields.fail("metric", "is required", hint: "a metric of the releases' evaluation, such as validation_loss")
        }
        if policy.mode != .automatic, policy.metric != nil || policy.arm != nil || policy.better != nil || fields.has("margin") {
            fields.fail("mode", "must be automatic where a metric, an arm, a margin or a direction is given")
        }
        return policy
    }

    private func fallback(_ entry: [String: JSONValue], _ index: Int, _ fields: inout RequestFields) -> ModelRoute {
        var inner = RequestFields(entry, prefix: "fallbacks[\(index)].")
        let route = ModelRoute(provider: inner.requiredName("provider", length: 1...60), model: inner.requiredName("model"))
        check(route.provider, "provider", &inner)
        fields.adopt(inner)
        return route
    }

    private func check(_ provider: String, _ field: String, _ fields: inout RequestFields) {
        guard !provider.isEmpty, !offered.contains(provider) else { return }
        fields.fail(field, "\"\(provider)\" is not a provider here", hint: "known: \(offered.sorted().joined(separator: ", "))")
    }
}
