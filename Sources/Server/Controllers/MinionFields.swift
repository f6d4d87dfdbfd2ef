import Domain
import Providers
import Store

/// From a request's body to the part of a minion its user writes.
struct MinionFields {
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
        fields.nested("pipeline") { $0.read(into: &draft.pipeline) }
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
