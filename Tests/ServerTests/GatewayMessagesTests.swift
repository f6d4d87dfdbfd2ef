import Domain
import Providers
import Testing

@testable import Server

/// What a caller's messages become: parts are pieces of one text, and nothing is put between them.
@Suite struct GatewayMessagesTests {
    private func openAI(_ messages: JSONValue) throws -> [ChatMessage] {
        var fields = GatewayFields()
        let read = OpenAIMessages.read(messages, &fields)
        try fields.finish()
        return read
    }

    private func anthropic(_ messages: JSONValue) throws -> [ChatMessage] {
        var fields = GatewayFields()
        let read = AnthropicMessages.read(messages, &fields)
        try fields.finish()
        return read
    }

    private let parts: JSONValue = [["type": "text", "text": "un"], ["type": "text", "text": "believ"], ["type": "text", "text": "able\n"]]

    @Test func partsOfAMessageAreOneText() throws {
        for role in ["system", "developer", "user", "assistant"] {
            #expect(try openAI([["role": .string(role), "content": parts]]).map(\.content) == ["unbelievable\n"], "\(role)")
        }
        #expect(try openAI([["role": "tool", "tool_call_id": "a", "content": parts]]).map(\.content) == ["unbelievable\n"])
        for role in ["user", "assistant"] {
            #expect(try anthropic([["role": .string(role), "content": parts]]).map(\.content) == ["unbelievable\n"], "\(role)")
        }
        let result: JSONValue = ["type": "tool_result", "tool_use_id": "a", "content": parts]
        #expect(try anthropic([["role": "user", "content": [result]]]).map(\.content) == ["unbelievable\n"])
        let request = try MessagesRequest(
            ["model": "m", "max_tokens": 9, "system": parts, "messages": [["role": "user", "content": "Hi"]]], direct: true)
        #expect(request.question.messages.first == ChatMessage(.system, "unbelievable\n"))
    }

    @Test func namesAreReadAndBounded() throws {
        let named = try openAI([
            ["role": "system", "content": "Be brief.", "name": "house"], ["role": "user", "content": "Hi", "name": "ann"],
            ["role": "assistant", "content": "Yes?", "name": "wick"], ["role": "user", "content": "So", "name": .null],
        ])
        #expect(named.map(\.name) == ["house", "ann", "wick", nil])
        // A tool's name says nothing that the call's id does not.
        #expect(try openAI([["role": "tool", "tool_call_id": "a", "content": "rain", "name": "weather"]]).map(\.name) == [nil])
        for name in ["", .string(String(repeating: "n", count: 65)), 7] as [JSONValue] {
            #expect(throws: APIError.self) { try openAI([["role": "user", "content": "Hi", "name": name]]) }
        }
    }

    @Test func aVendorsWishIsTold() {
        func error(_ kind: ProviderError.Kind, _ wait: Double?) -> APIError {
            APIError(RouterError(attempts: [], last: ProviderError(kind, provider: "custom", status: 429, message: "no", retryAfter: wait)))
        }
        let limited = error(.rateLimited, 46.2)
        #expect(limited.status == .tooManyRequests && limited.retryAfter == 47 && limited.message.contains("47 s"))
        #expect(error(.rateLimited, nil).retryAfter == 1 && error(.rateLimited, 1e12).retryAfter == 86_400)
        let overloaded = error(.overloaded, 47)
        #expect(overloaded.status == .serviceUnavailable && overloaded.retryAfter == 47 && overloaded.message.contains("47 s"))
        #expect(error(.overloaded, nil).status == .badGateway && error(.overloaded, nil).retryAfter == nil)
        #expect(error(.abortedReply, nil).status == .badGateway && error(.abortedReply, nil).code == "provider_aborted_reply")
    }
}
