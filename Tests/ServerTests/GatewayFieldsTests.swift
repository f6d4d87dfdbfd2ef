import Providers
import Testing

@testable import Server

@Suite struct GatewayFieldsTests {
    @Test func aTextWithoutABoundIsTakenAndOneBeyondItsBoundIsNot() throws {
        var fields = GatewayFields()
        #expect(fields.text("content", "Hello.", 0...Int.max) == "Hello.")
        #expect(fields.text("content", .string(String(repeating: "x", count: 100_000)), 0...Int.max)?.utf8.count == 100_000)
        try fields.finish()
        #expect(fields.text("name", .string(String(repeating: "x", count: 201))) == nil)
        // One character of many scalars is no way around a bound.
        #expect(fields.text("name", .string("e" + String(repeating: "\u{301}", count: 10_000))) == nil)
        #expect(throws: (any Error).self) { try fields.finish() }
    }
}
