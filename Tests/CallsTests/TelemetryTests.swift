import Calls
import Domain
import Foundation
import Providers
import Synchronization
import Testing

@Suite struct TelemetryTests {
    private func attempt(
        _ provider: String = "openai", _ model: String = "gpt-4.1", outcome: String = Attempt.ok,
        usage: TokenUsage? = TokenUsage(input: 5, output: 3),
        cost: Double? = 0.1, milliseconds: Double = 30, first: Double? = nil
    ) -> Attempt {
        Attempt(
            provider: provider, model: model, startedAt: Date(), outcome: outcome, usage: usage, cost: cost, milliseconds: milliseconds,
            firstTokenMilliseconds: first)
    }

    private func telemetry(_ sink: (any SpanSink)? = nil) -> Telemetry { Telemetry(version: "1.2.3", providers: ["openai", "local"], spans: sink) }

    /// The lines of one metric, without the format's comments.
    private func lines(_ telemetry: Telemetry, _ name: String, _ sources: TelemetrySources = .init()) async -> [String] {
        await telemetry.text(sources).split(separator: "\n").map(String.init).filter { $0.hasPrefix(name + "{") || $0.hasPrefix(name + " ") }
    }

    @Test func aValueOnABoundaryCountsAsBelowIt() async {
        let telemetry = telemetry()
        let request = telemetry.begin()
        for tokens in [0, 1, 2, 4, 5, 67_108_864, 67_108_865] {
            request.observe(attempt(usage: TokenUsage(input: tokens, output: 0)), purpose: "answer")
        }
        let buckets = await lines(telemetry, "gen_ai_client_token_usage_bucket").filter { $0.contains("input") }
        let counts = buckets.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(counts == [2, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7])
        #expect(buckets.first?.contains(#"le="1""#) == true && buckets.last?.contains(#"le="+Inf""#) == true)
        #expect(await lines(telemetry, "gen_ai_client_token_usage_count").first { $0.contains("input") }?.hasSuffix(" 7") == true)
        #expect(await lines(telemetry, "gen_ai_client_token_usage_sum").first { $0.contains("input") }?.hasSuffix(" 134217741") == true)
    }

    @Test func secondsAreWrittenAsPeopleWriteThem() async {
        let telemetry = telemetry()
        telemetry.begin().observe(attempt(milliseconds: 20, first: 5), purpose: "answer")
        #expect(
            await lines(telemetry, "gen_ai_client_operation_duration_seconds_bucket").filter { $0.contains(#"le="0.02""#) && $0.hasSuffix(" 1") }
                .count == 1)
        #expect(await lines(telemetry, "gen_ai_client_operation_duration_seconds_sum").first?.hasSuffix(" 0.02") == true)
        #expect(await lines(telemetry, "gen_ai_server_time_to_first_token_seconds_sum").first?.hasSuffix(" 0.005") == true)
    }

    /// A caller chooses a model's name; it must not be able to fill the memory with them.
    @Test func twoHundredModelsHaveTheirOwnSeriesAndTheRestShareOne() async {
        let telemetry = telemetry()
        let request = telemetry.begin()
        for number in 0..<250 { request.observe(attempt("openai", "model-\(number)"), purpose: "answer") }
        let counts = await lines(telemetry, "gen_ai_client_operation_duration_seconds_count")
        #expect(counts.count == 201)
        #expect(counts.filter { $0.contains(#"gen_ai_request_model="other""#) }.map { $0.hasSuffix(" 50") } == [true])
    }

    @Test func aModelThatNeverAnsweredHasNoSeries() async {
        let telemetry = telemetry()
        telemetry.begin().observe(attempt("openai", "invented", outcome: "not_found", usage: nil, cost: nil), purpose: "answer")
        let text = await telemetry.text(.init())
        #expect(!text.contains("invented"))
        #expect(text.contains(#"atelier_router_attempts_total{provider="openai",outcome="not_found"} 1"#))
        #expect(
            text.contains(
                #"gen_ai_client_operation_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="openai",error_type="not_found"} 1"#
            ))
    }

    /// Providers that users define carry the users' own words.
    @Test func aProviderOfAUsersOwnIsCountedAsCustom() async {
        let telemetry = telemetry()
        telemetry.begin().observe(attempt("anns-secret-lab", cost: nil), purpose: "answer")
        var sources = TelemetrySources()
        sources.circuits = { [("anns-secret-lab", "open", 1), ("bobs", "open", 2), ("openai", "closed", 4)] }
        let text = await telemetry.text(sources)
        #expect(!text.contains("secret") && !text.contains("bobs"))
        #expect(text.contains(#"atelier_router_attempts_total{provider="custom",outcome="ok"} 1"#))
        #expect(
            await lines(telemetry, "atelier_router_circuit_state", sources) == [
                #"atelier_router_circuit_state{provider="custom",state="open"} 3"#,
                #"atelier_router_circuit_state{provider="openai",state="closed"} 4"#,
            ])
    }

    /// Trap 2: an unknown price is neither 0 nor passed over.
    @Test func trap2AnUnknownPriceIsCountedAndAPriceOfZeroIsNot() async {
        let telemetry = telemetry()
        let request = telemetry.begin()
        request.observe(attempt("openai", cost: nil), purpose: "answer")
        request.observe(attempt("openai", outcome: "cut_stream", cost: nil), purpose: "answer")
        request.observe(attempt("local", cost: 0), purpose: "answer")
        request.observe(attempt("openai", outcome: "authentication", usage: nil, cost: nil), purpose: "answer")
        #expect(await lines(telemetry, "atelier_price_missing_total") == [#"atelier_price_missing_total{provider="openai"} 2"#])
    }

    @Test func askingTheSameModelAgainIsARetryAndAnotherAFallback() async {
        let telemetry = telemetry()
        let request = telemetry.begin()
        request.observe(attempt("local", "voice"), purpose: "draft")
        request.observe(attempt("openai", "a", outcome: "server_error", usage: nil), purpose: "answer")
        request.observe(attempt("openai", "a", outcome: "server_error", usage: nil), purpose: "answer")
        // Not sent: its circuit was open.
        request.observe(attempt("openai", "b", outcome: "circuit_open", usage: nil, milliseconds: 0), purpose: "answer")
        request.observe(attempt("local", "c"), purpose: "answer")
        // A request of its own starts afresh.
        telemetry.begin().observe(attempt("openai", "a"), purpose: "answer")
        #expect(await lines(telemetry, "atelier_router_retries_total") == [#"atelier_router_retries_total{provider="openai"} 1"#])
        #expect(await lines(telemetry, "atelier_router_fallbacks_total") == [#"atelier_router_fallbacks_total{provider="local"} 1"#])
        #expect(await lines(telemetry, "gen_ai_client_operation_duration_seconds_count").allSatisfy { !$0.contains("circuit_open") })
    }

    @Test func overheadIsWhatTheRequestTookBeyondItsCallsAndNeverLessThanNothing() async {
        let telemetry = telemetry()
        let answering = telemetry.begin()
        answering.answers()
        answering.observe(attempt(milliseconds: 1_000_000), purpose: "answer")
        answering.finish(method: "POST", route: "/v1/chat/completions", status: 200, isStream: false)
        answering.finish(method: "POST", route: "/v1/chat/completions", status: 200, isStream: false)
        telemetry.begin().finish(method: "GET", route: "/health", status: 200, isStream: false)
        #expect(
            await lines(telemetry, "atelier_gateway_overhead_seconds_count") == [
                #"atelier_gateway_overhead_seconds_count{route="/v1/chat/completions"} 1"#
            ])
        #expect(await lines(telemetry, "atelier_gateway_overhead_seconds_sum").first?.hasSuffix(" 0") == true)
    }

    @Test func requestsInFlightEndHoweverTheyEnd() async {
        let telemetry = telemetry()
        let open = telemetry.begin()
        telemetry.begin().finish(method: "GET", route: nil, status: 200, isStream: false)
        _ = telemetry.begin()  // thrown away with its reply
        #expect(await lines(telemetry, "atelier_http_requests_in_flight") == ["atelier_http_requests_in_flight 1"])
        open.count(method: "BREW\"\n", route: nil, status: 404)
        open.finish(method: "BREW", route: nil, status: 404, isStream: false)
        #expect(await lines(telemetry, "atelier_http_requests_in_flight") == ["atelier_http_requests_in_flight 0"])
        #expect(
            await lines(telemetry, "atelier_http_requests_total") == [
                #"atelier_http_requests_total{method="other",route="unmatched",status="404"} 1"#
            ])
    }

    @Test func aLabelCannotBreakOutOfItsQuotes() async {
        let telemetry = telemetry()
        telemetry.begin().observe(attempt("openai", "a\"} 1\nb\\c"), purpose: "answer")
        #expect(await telemetry.text(.init()).contains(#"gen_ai_request_model="a\"} 1\nb\\c"}"#))
    }

    @Test func nothingIsLostWhenManyCountAtOnce() async {
        let telemetry = telemetry()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for number in 0..<2000 {
                        let request = telemetry.begin()
                        request.observe(attempt("openai", "m\(number % 7)"), purpose: "answer")
                        request.count(method: "POST", route: "/r\(worker % 3)", status: 200)
                        request.finish(method: "POST", route: "/r", status: 200, isStream: false)
                    }
                }
            }
        }
        func total(_ name: String) async -> Int { await lines(telemetry, name).reduce(0) { $0 + (Int($1.split(separator: " ").last!) ?? 0) } }
        #expect(await total("gen_ai_client_operation_duration_seconds_count") == 16_000)
        #expect(await total("gen_ai_client_token_usage_sum") == 16_000 * 8)
        #expect(await total("atelier_http_requests_total") == 16_000)
        #expect(await total("atelier_http_requests_in_flight") == 0)
    }

    @Test func whatIsNotKnownIsNotOffered() async {
        let text = await telemetry().text(.init())
        for name in [
            "atelier_router_circuit_state", "atelier_usage_journal_backlog_bytes", "atelier_budget_refusals_total", "atelier_jobs",
            "atelier_spans_dropped_total",
        ] {
            #expect(!text.contains(name))
        }
        var sources = TelemetrySources()
        sources.journalBacklogBytes = { 7 }
        sources.refusals = { ["cost_per_day": 4] }
        sources.jobs = { ["RUNNING": 2] }
        sources.spans = { (3, 1) }
        let all = await telemetry().text(sources)
        for line in [
            "atelier_usage_journal_backlog_bytes 7", #"atelier_budget_refusals_total{what="cost_per_day"} 4"#, #"atelier_jobs{status="RUNNING"} 2"#,
            "atelier_spans_exported_total 3",
            "atelier_spans_dropped_total 1",
        ] {
            #expect(all.contains("\n\(line)\n"))
        }
    }

    private final class Sink: SpanSink {
        let spans = Mutex<[Span]>([])
        func offer(_ spans: [Span]) { self.spans.withLock { $0 += spans } }
    }

    @Test func aTraceHasItsCallersIdAndAChildForEachStageAndCall() throws {
        let sink = Sink()
        let request = telemetry(sink).begin(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        request.answers()
        request.observe(attempt("local", "voice"), purpose: "draft")
        request.observe(StageTiming(stage: "draft", milliseconds: 40, status: "ok"))
        request.observe(StageTiming(stage: "retrieve", milliseconds: 0, status: "skipped"))
        request.observe(attempt("openai", "gpt-4.1", outcome: "server_error", usage: nil), purpose: "answer")
        request.finish(method: "POST", route: "/v1/chat/completions", status: 502, isStream: false)
        let spans = sink.spans.withLock { $0 }
        let root = try #require(spans.first)
        #expect(root.name == "chat gpt-4.1" && root.parentID == "b7ad6b7169203331" && root.kind == .server && root.isError)
        #expect(Set(spans.map(\.traceID)) == ["0af7651916cd43dd8448eb211c80319c"])
        #expect(spans.map(\.name) == ["chat gpt-4.1", "draft", "chat voice", "chat gpt-4.1"])
        #expect(spans[1].parentID == root.id && spans[2].parentID == spans[1].id && spans[3].parentID == root.id)
        #expect(Set(spans.map(\.id)).count == 4 && spans.allSatisfy { $0.id.count == 16 && $0.start <= $0.end })
        #expect(spans[3].attributes["error.type"] == .text("server_error") && spans[2].attributes["gen_ai.usage.input_tokens"] == .number(5))
    }

    @Test(arguments: [
        "", "00", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
    ])
    func aMalformedTraceparentBeginsATraceOfItsOwn(header: String) throws {
        let sink = Sink()
        let request = telemetry(sink).begin(traceparent: header)
        request.answers()
        request.finish(method: "POST", route: "/v1/chat/completions", status: 200, isStream: false)
        let root = try #require(sink.spans.withLock { $0.first })
        #expect(root.parentID == nil && root.traceID.count == 32 && !header.contains(root.traceID))
    }

    @Test func aCallerThatDoesNotSampleGetsNoTrace() {
        let sink = Sink()
        let request = telemetry(sink).begin(traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
        request.answers()
        request.observe(attempt(), purpose: "answer")
        request.finish(method: "POST", route: nil, status: 200, isStream: false)
        #expect(sink.spans.withLock { $0.isEmpty })
    }
}
