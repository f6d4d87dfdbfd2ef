import Domain
import Providers

extension DialectFixture {
    private static let start = """
        event: message_start
        data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[],"stop_reason":null,"usage":{"input_tokens":6,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"output_tokens":1}}}


        """

    static let anthropic = DialectFixture(
        streamType: "text/event-stream; charset=utf-8",
        stream: start + """
            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

            event: ping
            data: {"type": "ping"}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello, "}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"wörld"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":0}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}

            event: message_stop
            data: {"type":"message_stop"}


            """,
        whole: """
            {"id":"msg_1","type":"message","role":"assistant","model":"m-1","content":[{"type":"text","text":"Hello, wörld"}],"stop_reason":"end_turn","usage":{"input_tokens":6,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"output_tokens":5}}
            """,
        toolStream: start + """
            event: content_block_start
            data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"call_1","name":"get_weather","input":{}}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\\"city\\":"}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"\\"Paris\\"}"}}

            event: content_block_stop
            data: {"type":"content_block_stop","index":1}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}

            event: message_stop
            data: {"type":"message_stop"}


            """,
        toolWhole: """
            {"id":"msg_1","type":"message","model":"m-1","content":[{"type":"tool_use","id":"call_1","name":"get_weather","input":{"city":"Paris"}}],"stop_reason":"tool_use"}
            """,
        brokenStream: start + """
            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

            event: error
            data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}


            """,
        brokenKind: .overloaded,
        cutStream: start + """
            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

            event: content_block_del
            """,
        strangeStream: start + """
            event: aurora
            data: {"type":"aurora","light":true}

            event: content_block_start
            data: {"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"x","name":"web_search","input":{}}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello, "}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"hologram_delta","hologram":"?"}}

            event: content_block_delta
            data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"wörld"}}

            event: message_delta
            data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"output_tokens":3}}

            event: message_delta
            data: {"type":"message_delta","delta":{},"usage":{"output_tokens":5}}

            event: message_stop
            data: {"type":"message_stop"}


            """,
        reasoningStream: start + """
            data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

            data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hmm."}}

            data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"abc"}}

            data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Yes"}}

            data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}

            data: {"type":"message_stop"}


            """,
        refusals: [
            ("invalid_request_error", 400, ProviderError.Kind.invalidRequest), ("authentication_error", 401, .authentication),
            ("billing_error", 402, .billing), ("permission_error", 403, .permission), ("not_found_error", 404, .notFound),
            ("request_too_large", 413, .invalidRequest), ("rate_limit_error", 429, .rateLimited), ("api_error", 500, .serverError),
            ("timeout_error", 504, .timeout), ("overloaded_error", 529, .overloaded),
        ].map { type, status, kind in
            Refusal(
                status: status, body: #"{"type":"error","error":{"type":"\#(type)","message":"No: \#(type)"},"request_id":"req_1"}"#,
                headers: status == 429 ? ["retry-after": "1.5"] : [:], kind: kind)
        } + [
            Refusal(
                status: 429,
                body:
                    #"{"type":"error","error":{"type":"rate_limit_error","message":"Spend limit","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
                kind: .billing),
            Refusal(
                status: 400,
                body:
                    #"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
                kind: .billing),
        ],
        plainRefusal: #"{"type":"error","error":{"type":"unheard_of_error","message":"No"},"request_id":"req_1"}"#,
        models: #"{"data":[{"type":"model","id":"m-1","display_name":"M 1"},{"type":"model","id":"m-2","display_name":"M 2"}],"has_more":false}"#,
        chatPath: "/v1/messages", modelsPath: "/v1/models?limit=1000",
        usage: TokenUsage(input: 12, output: 5, cachedInput: 4, cacheWrite: 2))
}
