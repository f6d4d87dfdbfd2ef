import Domain
import Providers

extension DialectFixture {
    static let ollama = DialectFixture(
        streamType: "application/x-ndjson",
        stream: """
            {"model":"m-1","created_at":"2026-08-01T00:00:00Z","message":{"role":"assistant","content":"Hello, "},"done":false}
            {"model":"m-1","created_at":"2026-08-01T00:00:00Z","message":{"role":"assistant","content":"wörld"},"done":false}
            {"model":"m-1","created_at":"2026-08-01T00:00:00Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":5,"prompt_eval_count":12,"eval_count":5}

            """,
        whole: """
            {"model":"m-1","created_at":"2026-08-01T00:00:00Z","message":{"role":"assistant","content":"Hello, wörld"},"done":true,"done_reason":"stop","prompt_eval_count":12,"eval_count":5}
            """,
        toolStream: """
            {"model":"m-1","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"city":"Paris"}}}]},"done":false}
            {"model":"m-1","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}

            """,
        toolWhole: """
            {"model":"m-1","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"get_weather","arguments":{"city":"Paris"}}}]},"done":true,"done_reason":"stop"}
            """,
        brokenStream: """
            {"model":"m-1","message":{"role":"assistant","content":"Hello"},"done":false}
            {"error":"an error was encountered while running the model"}

            """,
        brokenKind: .serverError,
        cutStream: """
            {"model":"m-1","message":{"role":"assistant","content":"Hello"},"done":false}
            {"model":"m-1","mess
            """,
        strangeStream: """
            {"model":"m-1","weather":"fine"}

            {"model":"m-1","message":{"role":"assistant","content":"Hello, ","mood":1},"done":false}
            {"model":"m-1","message":{"role":"assistant","content":"wörld"},"done":false}
            {"model":"m-1","done":true,"prompt_eval_count":12,"eval_count":5}
            """,
        reasoningStream: """
            {"model":"m-1","message":{"role":"assistant","content":"","thinking":"Hmm."},"done":false}
            {"model":"m-1","message":{"role":"assistant","content":"Yes"},"done":false}
            {"model":"m-1","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":12,"eval_count":5}

            """,
        refusals: [
            .init(status: 400, body: #"{"error":"invalid options"}"#, kind: .invalidRequest),
            .init(status: 401, body: #"{"error":"unauthorized"}"#, kind: .authentication),
            .init(status: 404, body: #"{"error":"model 'x' not found"}"#, kind: .notFound),
            .init(status: 429, body: #"{"error":"too many requests"}"#, headers: ["retry-after": "1.5"], kind: .rateLimited),
            .init(status: 500, body: #"{"error":"llama runner process has terminated"}"#, kind: .serverError),
            .init(status: 503, body: #"{"error":"server busy, please try again. maximum pending requests exceeded"}"#, kind: .overloaded),
        ],
        plainRefusal: #"{"error":"No"}"#,
        models: #"{"models":[{"name":"m-1","model":"m-1","size":1},{"name":"m-2","model":"m-2","size":2}]}"#,
        chatPath: "/api/chat", modelsPath: "/api/tags",
        usage: TokenUsage(input: 12, output: 5))
}
