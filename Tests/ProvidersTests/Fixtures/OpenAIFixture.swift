import Providers

extension DialectFixture {
    static let openAI = DialectFixture(
        streamType: "text/event-stream",
        stream: """
            data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}

            data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"Hello, "},"finish_reason":null}]}

            data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{"content":"wörld"},"finish_reason":null}]}

            data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

            data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}}

            data: [DONE]


            """,
        whole: """
            {"id":"c1","object":"chat.completion","created":1,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"Hello, wörld","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}}
            """,
        toolStream: """
            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get_weather","arguments":""}}]},"finish_reason":null}]}

            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":"}}]},"finish_reason":null}]}

            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\\"Paris\\"}"}}]},"finish_reason":null}]}

            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

            data: [DONE]


            """,
        toolWhole: """
            {"id":"c1","model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}}]},"finish_reason":"tool_calls"}]}
            """,
        brokenStream: """
            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}

            data: {"error":{"message":"The server had an error","type":"server_error","code":null,"param":null}}


            """,
        brokenKind: .serverError,
        cutStream: """
            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}

            data: {"id":"c1","model":"m-1","cho
            """,
        strangeStream: """
            : OPENROUTER PROCESSING

            retry: 3000

            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"content":"Hello, ","sparkle":[1]},"finish_reason":null,"content_filter_results":{}}],"obfuscation":"x"}

            event: message
            id: 7
            data: {"id":"c1","model":"m-1","choices":[{"index":1,"delta":{"content":"another choice"},"finish_reason":"stop"}]}

            data: {"id":"c1","prompt_filter_results":[]}

            data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"content":"wörld"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}}

            data: [DONE]


            """,
        reasoningStream: """
            data: {"model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Hm"},"finish_reason":null}]}

            data: {"model":"m-1","choices":[{"index":0,"delta":{"content":null,"reasoning":"m."},"finish_reason":null}]}

            data: {"model":"m-1","choices":[{"index":0,"delta":{"content":"Yes"},"finish_reason":"stop"}]}

            data: [DONE]


            """,
        refusals: [
            .init(
                status: 400, body: #"{"error":{"message":"Bad messages","type":"invalid_request_error","param":"messages","code":null}}"#,
                kind: .invalidRequest),
            .init(
                status: 401,
                body:
                    #"{"error":{"message":"Incorrect API key provided: sk-proj-****abcd.","type":"invalid_request_error","code":"invalid_api_key"}}"#,
                kind: .authentication),
            .init(status: 402, body: #"{"error":"You have exceeded your monthly included credits"}"#, kind: .billing),
            .init(
                status: 403,
                body: #"{"error":{"message":"Country not supported","type":"request_forbidden","code":"unsupported_country_region_territory"}}"#,
                kind: .permission),
            .init(
                status: 404, body: #"{"error":{"message":"The model `x` does not exist","type":"invalid_request_error","code":"model_not_found"}}"#,
                kind: .notFound),
            .init(
                status: 410, body: #"{"type":"about:blank","title":"Gone","status":410,"detail":"The model has reached its end of life"}"#,
                kind: .notFound),
            .init(
                status: 422, body: #"{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}"#,
                kind: .invalidRequest),
            .init(
                status: 429, body: #"{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
                headers: ["retry-after-ms": "1500"], kind: .rateLimited),
            .init(
                status: 429,
                body: #"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                kind: .billing),
            .init(status: 429, body: #"{"error":{"message":"No credit","type":"billing","code":"credit_balance_exhausted"}}"#, kind: .billing),
        ]
            + [
                "organization_spend_limit_exceeded", "project_spend_limit_exceeded", "organization_usage_limit_exceeded",
                "billing_hard_limit_reached", "billing_not_active",
            ].map { .init(status: 429, body: #"{"error":{"message":"No","type":"requests","code":"\#($0)"}}"#, kind: .billing) }
            + ["slow_down", "rate_limit_exceeded"].map {
                .init(status: 429, body: #"{"error":{"message":"No","type":"requests","code":"\#($0)"}}"#, kind: .rateLimited)
            } + [
                .init(status: 413, body: #"{"error":{"message":"Too large","type":"invalid_request_error"}}"#, kind: .invalidRequest),
                // OpenRouter and NVIDIA give the status as the code.
                .init(status: 402, body: #"{"error":{"message":"Insufficient credits","code":402}}"#, kind: .billing),
                .init(status: 529, body: #"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#, kind: .overloaded),
                .init(status: 500, body: #"{"error":{"message":"The server had an error","type":"server_error"}}"#, kind: .serverError),
                .init(status: 502, body: "<html>Bad gateway</html>", kind: .serverError),
                .init(status: 503, body: #"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#, kind: .overloaded),
                .init(status: 504, body: "", kind: .timeout),
                .init(status: 307, body: "", headers: ["location": "http://127.0.0.1:1/elsewhere"], kind: .invalidRequest),
            ],
        plainRefusal: #"{"error":{"message":"No","type":null,"param":null,"code":null}}"#,
        models: #"{"object":"list","data":[{"id":"m-1","object":"model","context_length":8192},{"id":"m-2","object":"model"}]}"#,
        chatPath: "/chat/completions", modelsPath: "/models")
}
