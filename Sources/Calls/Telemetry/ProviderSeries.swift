import Providers

/// Everything that is counted of one provider's upstream calls, behind one look-up.
final class ProviderSeries: Sendable {
    /// One model's, behind another one.
    final class Model: Sendable {
        let inputTokens = Histogram(Buckets.tokens)
        let outputTokens = Histogram(Buckets.tokens)
        let duration = Histogram(Buckets.duration)
        let firstToken = Histogram(Buckets.firstToken)
    }

    /// One kind of call.
    final class Operation: Sendable {
        let name: String
        let models: SeriesFamily<String, Model>
        /// Durations by kind of error.
        let failures: SeriesFamily<String, Histogram>

        init(_ name: String, models quota: SeriesQuota) {
            self.name = name
            models = SeriesFamily(quota, overflow: "other") { Model() }
            failures = SeriesFamily(SeriesQuota(50), overflow: "other") { Histogram(Buckets.duration) }
        }
    }

    let label: String
    let answered = Counter()
    let failed = SeriesFamily<String, Counter>(SeriesQuota(50), overflow: "other") { Counter() }
    let retries = Counter()
    let fallbacks = Counter()
    let priceMissing = Counter()
    let chat: Operation
    let embeddings: Operation

    /// - Parameter quota: models of all providers that may have series of their own.
    init(label: String, models quota: SeriesQuota) {
        self.label = label
        chat = Operation(GenAI.chat, models: quota)
        embeddings = Operation(GenAI.embeddings, models: quota)
    }

    func observe(_ attempt: Attempt, operation: Operation) {
        let isAnswered = attempt.outcome == Attempt.ok
        (isAnswered ? answered : failed.series(attempt.outcome)).add()
        // A price of 0 is a price.
        if attempt.usage != nil, attempt.cost == nil { priceMissing.add() }
        // A call that was never sent, because its circuit was open for instance, took no time.
        guard attempt.milliseconds > 0 else { return }
        let duration = Telemetry.nanoseconds(attempt.milliseconds)
        if !isAnswered { operation.failures.series(attempt.outcome).observe(duration) }
        guard isAnswered || attempt.usage != nil || attempt.firstTokenMilliseconds != nil else { return }
        // Only a call that was answered makes a model known: names that no vendor has are free to invent.
        let model = operation.models.series(attempt.model, mayBeNew: isAnswered)
        if isAnswered { model.duration.observe(duration) }
        if let usage = attempt.usage {
            model.inputTokens.observe(usage.input)
            model.outputTokens.observe(usage.output)
        }
        if let first = attempt.firstTokenMilliseconds { model.firstToken.observe(Telemetry.nanoseconds(first)) }
    }
}
