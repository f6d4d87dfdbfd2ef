import Domain
import NIOCore
import Providers
import Testing

@Suite struct JSONBufferTests {
    @Test func areWrittenAndRead() throws {
        var buffer = ByteBuffer(string: "before ")
        let value: JSONValue = ["a": [1, -9_223_372_036_854_775_808, 9_223_372_036_854_775_807, 0, -7, 1e300, 0.1], "ü": nil]
        value.write(into: &buffer)
        #expect(String(buffer: buffer) == "before " + value.serialized())
        #expect(value.buffer() == ByteBuffer(string: value.serialized()))
        #expect(try JSONValue(parsing: value.buffer()) == value)
    }
}
