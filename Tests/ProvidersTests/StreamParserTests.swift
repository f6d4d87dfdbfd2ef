import Providers
import Testing

@Suite struct StreamParserTests {
    private static let source =
        "\u{FEFF}: a comment\r\ndata: eins\rdata:zwei\r\n\r\nevent: added\nid: 7\ndata:  wörld 🌍\ndata\nunknown: x\n\n\n\nevent: empty\n\ndata: last, unfinished"
    private static let expected = [
        ServerSentEvent(data: "eins\nzwei"), ServerSentEvent(event: "added", data: " wörld 🌍\n", id: "7"),
    ]

    @Test func readsEventStreamsWhole() throws {
        var parser = ServerSentEventParser()
        #expect(try parser.push(Self.source.utf8) == Self.expected)
    }

    @Test func readsEventStreamsSplitAtEveryByte() throws {
        let bytes = Array(Self.source.utf8)
        for cut in 0...bytes.count {
            var parser = ServerSentEventParser()
            #expect(try parser.push(bytes[..<cut]) + parser.push(bytes[cut...]) == Self.expected, "cut at \(cut)")
        }
        var parser = ServerSentEventParser()
        #expect(try bytes.flatMap { try parser.push([$0]) } == Self.expected)
    }

    @Test func readsLinesSplitAtEveryByte() throws {
        let bytes = Array("{\"a\":\"ö\"}\r\n\n[1]\nrest".utf8)
        for cut in 0...bytes.count {
            var parser = LineParser()
            #expect(try parser.push(bytes[..<cut]) + parser.push(bytes[cut...]) == ["{\"a\":\"ö\"}", "[1]"], "cut at \(cut)")
            #expect(parser.finish() == "rest")
            #expect(parser.finish() == nil)
        }
    }

    @Test func linesAreBoundedWhereverTheyAreCut() throws {
        let most = [UInt8](repeating: 0x61, count: OverlongLine.limit)
        var lines = LineParser()
        #expect(try lines.push(most).isEmpty)
        #expect(try lines.push([0x0A]).first?.utf8.count == OverlongLine.limit)
        #expect(throws: OverlongLine.self) { try lines.push(most + [0x61]) }
        var whole = LineParser()
        #expect(throws: OverlongLine.self) { try whole.push(most + most + [0x0A]) }
        var split = ServerSentEventParser()
        #expect(throws: OverlongLine.self) { for _ in 0..<40 { _ = try split.push(most.prefix(1 << 16)) } }
    }

    @Test func theDataOfAnEventIsBoundedAndReadInOnePass() throws {
        var parser = ServerSentEventParser()
        // Many short lines: joined one by one by copying, these took minutes.
        let short = Array(String(repeating: "data:\n", count: 200_000).utf8)
        #expect(try parser.push(short).isEmpty)
        #expect(try parser.push([0x0A]).first?.data.utf8.count == 199_999)
        #expect(throws: OverlongLine.self) { for _ in 0..<10 { _ = try parser.push(short) } }
    }
}
