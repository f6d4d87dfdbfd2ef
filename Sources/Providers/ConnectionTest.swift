import Domain

/// Tries an endpoint and says in one sentence what it found.
public struct ConnectionTest: Sendable {
    /// What was found.
    public struct Result: Sendable, Codable, Equatable {
        public var ok: Bool
        /// For people: what works, or what failed and what to do.
        public var message: String
        /// The kind of failure.
        public var kind: ProviderError.Kind?
        /// False where the endpoint answered but nothing proved that it accepts the key.
        public var keyChecked: Bool
        /// What the endpoint offers, where it lists its models.
        public var models: [ModelInfo]
        public var milliseconds: Double
        /// What asking the model took, where it was asked; an estimate where the vendor did not say.
        public var usage: TokenUsage?

        public init(
            ok: Bool, message: String, kind: ProviderError.Kind? = nil, keyChecked: Bool = false, models: [ModelInfo] = [], milliseconds: Double
        ) {
            self.ok = ok
            self.message = message
            self.kind = kind
            self.keyChecked = keyChecked
            self.models = models
            self.milliseconds = milliseconds
        }
    }

    private let registry: ProviderRegistry

    public init(registry: ProviderRegistry) { self.registry = registry }

    /// Lists the models; where that is not offered, or does not prove the key, and a `model` is
    /// given, asks it for one token (which costs that much). Takes 30 s at most for each.
    public func test(provider id: String, endpoint: Endpoint, model: String? = nil) async -> Result {
        let start = ContinuousClock.now
        var endpoint = endpoint
        endpoint.totalTimeout = min(endpoint.totalTimeout, .seconds(30))
        var result = await probe(id, endpoint, model: model)
        result.milliseconds = start.duration(to: .now).milliseconds
        return result
    }

    private func probe(_ id: String, _ endpoint: Endpoint, model: String?) async -> Result {
        guard let provider = registry[id] else {
            return Result(ok: false, message: "there is no provider called \(id)", kind: .unsupported, milliseconds: 0)
        }
        let name = provider.info.name
        var models: [ModelInfo] = []
        var listed = false
        do {
            models = try await provider.models(at: endpoint)
            listed = true
            if endpoint.key == nil || provider.info.modelListChecksKey {
                return Result(
                    ok: true, message: "\(name) answers and lists \(count(models)).", keyChecked: endpoint.key != nil, models: models, milliseconds: 0
                )
            }
        } catch let error as ProviderError where error.kind == .unsupported || error.kind == .notFound {
            // No list here: a chat will tell.
            if model == nil {
                return Result(
                    ok: false,
                    message: "\(name) does not list its models at this address. Check the base URL, or name a model to try. (\(error.message))",
                    kind: error.kind, milliseconds: 0)
            }
        } catch {
            return failed(error, name: name, models: [])
        }
        guard let model else {
            return Result(
                ok: listed,
                message: "\(name) answers and lists \(count(models)), to anybody; whether it accepts the key shows when a model is tried.",
                models: models, milliseconds: 0)
        }
        do {
            let request = ChatRequest(model: model, messages: [ChatMessage(.user, "Hi")], sampling: Sampling(maxTokens: 1), stream: false)
            var meter = AttemptMeter(request)
            for try await event in provider.chat(request, at: endpoint) {
                if case .failed(let error) = event { throw error }
                meter.add(event)
            }
            try Task.checkCancellation()
            var result = Result(ok: true, message: "\(name) answers with \(model).", keyChecked: endpoint.key != nil, models: models, milliseconds: 0)
            result.usage = meter.finished
            return result
        } catch {
            return failed(error, name: name, models: models)
        }
    }

    private func count(_ models: [ModelInfo]) -> String { models.count == 1 ? "1 model" : "\(models.count) models" }

    private func failed(_ error: any Error, name: String, models: [ModelInfo]) -> Result {
        guard let error = error as? ProviderError else {
            return Result(ok: false, message: "The test was given up.", models: models, milliseconds: 0)
        }
        let advice =
            switch error.kind {
            case .authentication: "The key is not accepted; check that it is whole and still valid."
            case .noKey: "Add an API key first."
            case .billing: "The key works but the account has no credit or has reached its limit."
            case .permission: "Access is denied; check the key's permissions and the address."
            case .notFound: "Nothing is there; check the base URL and the model's name."
            case .rateLimited: "The key works but its rate limit is reached; try again later."
            case .overloaded, .serverError: "The vendor has a problem; try again later."
            case .timeout: "No answer came in time; check the base URL."
            case .connection: "Nothing could be reached; check the base URL and that the server is running."
            case .cutStream, .malformedReply: "The address answers, but not as this provider does; check the base URL."
            case .budget: "A limit on the key is reached; see GET /api/users/{user_id}/limits."
            case .invalidRequest, .unsupported: "The request is refused; check the base URL and the model's name."
            case .abortedReply: "The model answers but did not end its reply as models do; try again or choose another."
            case .circuitOpen, .busy: "It was not asked; try again later."
            }
        let status = error.status.map { " (HTTP \($0))" } ?? ""
        return Result(
            ok: false, message: "\(name): \(advice) It said\(status): \(error.message)", kind: error.kind,
            keyChecked: [.authentication, .billing, .rateLimited].contains(error.kind), models: models, milliseconds: 0)
    }
}
