import Foundation

extension Telemetry {
    /// Everything, in Prometheus' text format 0.0.4. A source that fails is left out.
    public func text(_ sources: TelemetrySources) async -> String {
        var text = PrometheusText()
        writeModels(&text)
        writeRouter(&text, sources)
        if let refusals = sources.refusals?() { text.write(.budgetRefusals, refusals.map { ([(MetricLabel.what, $0)], Double($1)) }) }
        text.write(.priceMissing, counts(\.priceMissing))
        text.write(
            .cacheLookups,
            [("hit", cacheHits), ("miss", cacheMisses)].map { ([(MetricLabel.result, $0)], Double($1.value)) })
        text.write(.journalBacklog, sources.journalBacklogBytes.map { Double($0()) })
        text.write(.usageLost, sources.usageLost.map { Double($0()) })
        text.write(
            .requests,
            requests.all.map { labels, counter in
                (
                    [(MetricLabel.method, labels.method), (MetricLabel.route, labels.route), (MetricLabel.status, String(labels.status))],
                    Double(counter.value)
                )
            })
        text.write(.inFlight, Double(inFlight.value))
        if let jobs = try? await sources.jobs?() { text.write(.jobs, jobs.map { ([(MetricLabel.status, $0)], Double($1)) }) }
        if let spans = sources.spans?() {
            text.write(.spansExported, Double(spans.exported))
            text.write(.spansDropped, Double(spans.dropped))
        }
        writeProcess(&text)
        return text.text
    }

    /// One counter of each provider that has counted anything.
    private func counts(_ counter: KeyPath<ProviderSeries, Counter>) -> [(labels: PrometheusText.Labels, value: Double)] {
        providers.compactMap { provider in
            let value = provider[keyPath: counter].value
            return value == 0 ? nil : ([(MetricLabel.provider, provider.label)], Double(value))
        }
    }

    private func writeModels(_ text: inout PrometheusText) {
        typealias Labelled = (labels: PrometheusText.Labels, histogram: Histogram)
        var tokens: [Labelled] = []
        var durations: [Labelled] = []
        var firsts: [Labelled] = []
        for provider in providers {
            for operation in [provider.chat, provider.embeddings] {
                let common = [(MetricLabel.operation, operation.name), (MetricLabel.genAIProvider, GenAI.provider(provider.label))]
                for (name, model) in operation.models.all {
                    let labels = common + [(MetricLabel.requestModel, name)]
                    tokens.append((labels + [(MetricLabel.tokenType, "input")], model.inputTokens))
                    tokens.append((labels + [(MetricLabel.tokenType, "output")], model.outputTokens))
                    durations.append((labels, model.duration))
                    firsts.append((labels, model.firstToken))
                }
                for (kind, histogram) in operation.failures.all { durations.append((common + [(MetricLabel.errorType, kind)], histogram)) }
            }
        }
        text.write(.tokenUsage, tokens, unit: 1)
        text.write(.operationDuration, durations, unit: 1e-9)
        text.write(.timeToFirstToken, firsts, unit: 1e-9)
        text.write(.gatewayOverhead, overhead.all.map { ([(MetricLabel.route, $0.labels)], $0.series) }, unit: 1e-9)
    }

    private func writeRouter(_ text: inout PrometheusText, _ sources: TelemetrySources) {
        text.write(
            .attempts,
            providers.flatMap { provider in
                let outcomes = [(labels: "ok", series: provider.answered)] + provider.failed.all
                return outcomes.filter { $0.series.value > 0 }.map { outcome, counter in
                    ([(MetricLabel.provider, provider.label), (MetricLabel.outcome, outcome)], Double(counter.value))
                }
            })
        text.write(.retries, counts(\.retries))
        text.write(.fallbacks, counts(\.fallbacks))
        guard let circuits = sources.circuits?() else { return }
        // Providers that users have named fall together under one label.
        var sums: [String: [String: Int]] = [:]
        for circuit in circuits { sums[label(circuit.provider), default: [:]][circuit.state, default: 0] += circuit.count }
        text.write(
            .circuitState,
            sums.flatMap { provider, states in
                states.map { ([(MetricLabel.provider, provider), (MetricLabel.state, $0)], Double($1)) }
            })
    }

    private func writeProcess(_ text: inout PrometheusText) {
        text.write(.buildInfo, [([(MetricLabel.version, version)], 1)])
        text.write(.uptime, Date().timeIntervalSince(startedAt))
        text.write(.residentMemory, ProcessFigures.residentBytes)
        text.write(.openFiles, ProcessFigures.openFiles)
        text.write(.cpuSeconds, ProcessFigures.cpuSeconds)
        text.write(.startTime, startedAt.timeIntervalSince1970)
    }
}
