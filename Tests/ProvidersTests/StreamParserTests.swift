import Providers
import Testing

@Suite struct StreamParserTests {
    private static let source =
        "\u{FEFF}: a comment\r\ndata: eins\rdata:zwei\r\n\r\nevent: added\nid: 7\ndata:  wörld 🌍\ndata\nunknown: x\n\n\n\nevent: empty\n\ndata: last, unfinished"
    private static let expected = [
        ServerSentEvent(data: "eins\nzwei"), ServerSentEvent(event: "added", data: " wörld 🌍\n", id: "7"),
    ]

    @Test func readsEventStreamsWhole() {
        var parser = ServerSentEventParser()
        #expect(parser.push(Self.source.utf8) == Self.expected)
    }

    @Test func readsEventStreamsSplitAtEveryByte() {
        let bytes = Array(Self.source.utf8)
        for cut in 0...bytes.count {
            var parser = ServerSentEventParser()
            #expect(parser.push(bytes[..<cut]) + parser.push(bytes[cut...]) == Self.expected, "cut at \(cut)")
        }
        var parser = ServerSentEventParser()
        #expect(bytes.flatMap { parser.push([$0]) } == Self.expected)
    }

    @Test func readsLinesSplitAtEveryByte() {
        let bytes = Array("{\"a\":\"ö\"}\r\n\n[1]\nrest".utf8)
        for cut in 0...bytes.count {
            var parser = LineParser()
            #expect(parser.push(bytes[..<cut]) + parser.push(bytes[cut...]) == ["{\"a\":\"ö\"}", "[1]"], "cut at \(cut)")
            #expect(parser.finish() == "rest")
            #expect(parser.finish() == nil)
        }
    }
}
