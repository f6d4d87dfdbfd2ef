/// A metric as `/metrics` describes it.
public struct Metric: Sendable {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public let name: String
    public let kind: Kind
    public let help: String
}

extension Metric {
    // OpenTelemetry's semantic conventions for generative AI, in Prometheus' spelling
    // (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/).
    static let tokenUsage = Metric(
        name: "gen_ai_client_token_usage", kind: .histogram, help: "Tokens of each upstream call that used any, by type; estimates included.")
    static let operationDuration = Metric(
        name: "gen_ai_client_operation_duration_seconds", kind: .histogram, help: "Upstream calls from sending to the end.")
    static let timeToFirstToken = Metric(
        name: "gen_ai_server_time_to_first_token_seconds", kind: .histogram, help: "Upstream calls from sending to the first token.")

    static let gatewayOverhead = Metric(
        name: "atelier_gateway_overhead_seconds", kind: .histogram,
        help: "What a request took beyond its upstream calls, waits between retries included.")
    static let attempts = Metric(name: "atelier_router_attempts_total", kind: .counter, help: "Upstream calls, by how they ended.")
    static let retries = Metric(name: "atelier_router_retries_total", kind: .counter, help: "Calls that asked the same model again.")
    static let fallbacks = Metric(
        name: "atelier_router_fallbacks_total", kind: .counter, help: "Calls that asked this provider because another one did not answer.")
    static let circuitState = Metric(name: "atelier_router_circuit_state", kind: .gauge, help: "Circuits of keys and endpoints, by state.")
    static let budgetRefusals = Metric(name: "atelier_budget_refusals_total", kind: .counter, help: "Requests refused by a limit, by which.")
    static let priceMissing = Metric(
        name: "atelier_price_missing_total", kind: .counter,
        help: "Upstream calls that used tokens whose price is unknown: their cost is null, not 0.")
    static let cacheLookups = Metric(name: "atelier_cache_lookups_total", kind: .counter, help: "Look-ups of the response cache, by result.")
    static let journalBacklog = Metric(
        name: "atelier_usage_journal_backlog_bytes", kind: .gauge, help: "Usage that is journalled and not in the database yet.")
    static let usageLost = Metric(
        name: "atelier_usage_lost_total", kind: .counter, help: "Usage records that neither the journal's disk nor memory had room for.")

    static let requests = Metric(name: "atelier_http_requests_total", kind: .counter, help: "Requests answered, by method, route and status.")
    static let inFlight = Metric(name: "atelier_http_requests_in_flight", kind: .gauge, help: "Requests whose reply is not complete.")
    static let jobs = Metric(name: "atelier_jobs", kind: .gauge, help: "Training jobs, by status.")
    static let buildInfo = Metric(name: "atelier_build_info", kind: .gauge, help: "The running version.")
    static let uptime = Metric(name: "atelier_uptime_seconds", kind: .gauge, help: "Time since the start.")
    static let spansExported = Metric(name: "atelier_spans_exported_total", kind: .counter, help: "Spans that the collector accepted.")
    static let spansDropped = Metric(
        name: "atelier_spans_dropped_total", kind: .counter, help: "Spans given up: the queue was full, or the collector did not take them.")

    // As Prometheus' own client libraries name them.
    static let residentMemory = Metric(name: "process_resident_memory_bytes", kind: .gauge, help: "Resident memory.")
    static let openFiles = Metric(name: "process_open_fds", kind: .gauge, help: "Open file descriptors.")
    static let cpuSeconds = Metric(name: "process_cpu_seconds_total", kind: .counter, help: "Processor time, user and system.")
    static let startTime = Metric(name: "process_start_time_seconds", kind: .gauge, help: "Start of the process since the Unix epoch.")
}

/// Labels of metrics. None of them ever names a user, minion, key, session or answer.
enum MetricLabel {
    static let operation = "gen_ai_operation_name"
    static let genAIProvider = "gen_ai_provider_name"
    static let requestModel = "gen_ai_request_model"
    static let tokenType = "gen_ai_token_type"
    static let errorType = "error_type"
    static let provider = "provider"
    static let outcome = "outcome"
    static let state = "state"
    static let what = "what"
    static let result = "result"
    static let method = "method"
    static let route = "route"
    static let status = "status"
    static let version = "version"
}

/// Attributes of spans, from the same conventions
/// (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/).
enum SpanAttribute {
    static let operation = "gen_ai.operation.name"
    static let provider = "gen_ai.provider.name"
    static let requestModel = "gen_ai.request.model"
    static let responseModel = "gen_ai.response.model"
    static let inputTokens = "gen_ai.usage.input_tokens"
    static let outputTokens = "gen_ai.usage.output_tokens"
    static let errorType = "error.type"
    static let statusCode = "http.response.status_code"
    static let method = "http.request.method"
    static let route = "http.route"
    static let purpose = "atelier.purpose"
    static let stageStatus = "atelier.stage.status"
}

/// What the conventions call a kind of call and a provider.
enum GenAI {
    static let chat = "chat"
    static let embeddings = "embeddings"

    static func operation(purpose: String) -> String { purpose == "embedding" ? embeddings : chat }

    /// The conventions' names where they differ from ours.
    static func provider(_ id: String) -> String {
        switch id {
        case "mistral": "mistral_ai"
        case "xai": "x_ai"
        default: id
        }
    }
}

/// Upper bounds of histogram buckets, in nanoseconds or tokens.
enum Buckets {
    /// As the conventions advise for `gen_ai.client.token.usage`.
    static let tokens = (0...13).map { 1 << (2 * $0) }
    /// As the conventions advise for `gen_ai.client.operation.duration`: 10 ms, doubled up to 82 s.
    static let duration = (0...13).map { 10_000_000 << $0 }
    /// As the conventions advise for `gen_ai.server.time_to_first_token`, in milliseconds there.
    static let firstToken = [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000].map { $0 * 1_000_000 }
    /// 50 µs to 10 s, fine around what a gateway should add.
    static let overhead = [
        50, 100, 150, 200, 350, 500, 750, 1000, 2000, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 10_000_000,
    ].map { $0 * 1000 }
}
