import Datasets
import Domain
import Foundation
import TestSupport
import Testing

@Suite("JSON scanner")
struct JSONTapeTests {
    private func failure(_ text: some Collection<UInt8>) -> JSONFailure? {
        let bytes = PaddedBytes(text)
        var tape = JSONTape()
        return tape.scan(bytes.bytes)
    }

    @Test(arguments: [
        "{}", "[]", "null", "true", "false", "0", "-0", "-1.5e+10", "1E5", "\"\"", "[1,2,[3]]", #"{"a":{"b":[]},"c":"d"}"#, " [ 1 , 2 ] ",
        "\n{\t}\r\n",
        #""\u0041\ud83d\ude00\\\"\/\b\f\n\r\t""#, "\"ü€😀\"", "\"exactly8\"", "\"exactly16bytes__\"", "[\"\u{7F}\"]", "1e999",
        "123456789012345678901234567890",
    ])
    func `what is JSON is taken`(text: String) { #expect(failure(text.utf8) == nil) }

    @Test(arguments: [
        "", " ", "{", "[", "]", "}", "[1", "[1,", "[,1]", "[1,]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{'a':1}",
        "{1:1}", "[1 2]",
        "01", "-", "1.", ".5", "1e", "1e+", "+1", "0x10", "NaN", "Infinity", "tru", "nulll", "True", "\"", "\"abc", #""\x41""#, #""\u12g4""#,
        #""\u12"#, "\"\\",
        "\"a\tb\"", "\"a\nb\"", "\"\u{0}\"", "{}{}", "1 2", "[1]]", "{\"a\":1]", "[1}", "// no\n1", "[1]\u{C}", "\u{FEFF}1", #"{"a":1 "b":2}"#,
        #"{"a" 1}"#,
    ])
    func `what is no JSON is refused`(text: String) { #expect(failure(text.utf8) != nil) }

    @Test func `half a surrogate pair is refused by name`() {
        for text in [#""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800x""#, #""a\ud83d""#] {
            #expect(failure(text.utf8)?.reason == .loneSurrogate, "\(text)")
        }
    }

    @Test(
        arguments: [
            [0xFF], [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xE2, 0x28, 0xA1],
        ] as [[UInt8]])
    func `what is no UTF-8 is refused, wherever it stands in a block`(bytes: [UInt8]) {
        for lead in 0..<20 {
            let text = [0x22] + [UInt8](repeating: 0x61, count: lead) + bytes + [0x22]
            #expect(failure(text)?.reason == .invalidUTF8 && failure(text)?.offset == lead + 1)
        }
    }

    @Test func `depth is bounded`() {
        let deep = JSONTape.maxDepth
        #expect(failure([UInt8](repeating: 0x5B, count: deep) + [UInt8](repeating: 0x5D, count: deep)) == nil)
        #expect(failure([UInt8](repeating: 0x5B, count: deep + 1) + [UInt8](repeating: 0x5D, count: deep + 1))?.reason == .tooDeep)
        #expect(failure([UInt8](repeating: 0x5B, count: 4 << 20))?.reason == .tooDeep)
    }

    @Test func `values are bounded`() {
        let many = Array("[".utf8) + Array(String(repeating: "1,", count: JSONTape.maxTokens).utf8) + Array("1]".utf8)
        #expect(failure(many)?.reason == .tooManyValues)
    }

    /// Seeds are mutated byte by byte; both must take or refuse, and read the same.
    @Test(arguments: 0..<8) func `agrees with Foundation on mutated texts`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &* 977 &+ 5)
        let seeds = [
            good, #"{"a":[1,2.5,-3e2,true,false,null,"x\u00e9\ud83d\ude00\n"],"b":{"c":"ü€😀 and a longer text of plain ASCII"},"d":[]}"#,
            #"[{"k":"v\"\\\/"},[[]],{},0,-0.0,1e-5,"\t"]"#, #"{"messages":[{"role":"user","content":null,"weight":0}],"tools":[{"x":[1]}]}"#,
        ].map { Array($0.utf8) }
        let pieces: [[UInt8]] =
            ["{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "0", "-", ".", "e", "1", " ", "\n", "t", "null", "\u{1}", "ü"].map { Array($0.utf8) }
            + [[0xFF], [0xC3], [0xED, 0xA0]]
        var taken = 0
        for _ in 0..<4000 {
            var text = seeds.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let at = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: text.remove(at: at)
                case 1: text.insert(contentsOf: pieces.randomElement(using: &random)!, at: at)
                case 2: text[at] = pieces.randomElement(using: &random)![0]
                default: text.swapAt(at, Int.random(in: 0..<text.count, using: &random))
                }
                if text.isEmpty { text = [0x20] }
            }
            let bytes = PaddedBytes(text)
            var tape = JSONTape()
            let failure = tape.scan(bytes.bytes)
            let refused = failure != nil
            let value = try? JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])
            let shown = String(decoding: text, as: UTF8.self)
            // Foundation takes a comma before a closing bracket, which RFC 8259 does not.
            if let failure, failure.offset < text.count, text[failure.offset] == 0x5D || text[failure.offset] == 0x7D,
                text[..<failure.offset].last(where: { $0 > 0x20 }) == 0x2C
            {
                continue
            }
            #expect(refused == (value == nil), "\(shown)")
            guard !refused, let value else { continue }
            taken += 1
            #expect(Plain(tape, bytes) == Plain(value), "\(shown)")
        }
        #expect(taken > 500)
    }
}

/// A JSON value to compare.
private indirect enum Plain: Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case text(String)
    case list([Plain])
    case object([String: Plain])

    init(_ value: Any) {
        switch value {
        case let text as String: self = .text(text)
        case let list as [Any]: self = .list(list.map { Plain($0) })
        case let object as [String: Any]: self = .object(object.mapValues { Plain($0) })
        case let number as NSNumber:
            self = CFGetTypeIDIsBoolean(number) ? .bool(number.boolValue) : .number(number.doubleValue)
        default: self = .null
        }
    }

    init(_ tape: borrowing JSONTape, _ bytes: borrowing PaddedBytes, _ index: Int = 0) {
        let token = tape[index]
        let raw = Array(bytes.bytes[Int(token.start)..<Int(token.end)])
        switch token.kind {
        case .null: self = .null
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .number: self = .number(Double(String(decoding: raw, as: UTF8.self))!)
        case .string: self = .text(JSONText.plain("\"" + String(decoding: raw, as: UTF8.self) + "\"")!)
        case .array:
            var list: [Plain] = []
            var at = index + 1
            while at < Int(token.next) {
                list.append(Plain(tape, bytes, at))
                at = Int(tape[at].next)
            }
            self = .list(list)
        case .object:
            var object: [String: Plain] = [:]
            var at = index + 1
            while at < Int(token.next) {
                guard case .text(let key) = Plain(tape, bytes, at) else { break }
                // Of two equal keys Foundation takes the last, as here.
                object[key] = Plain(tape, bytes, at + 1)
                at = Int(tape[at + 1].next)
            }
            self = .object(object)
        }
    }
}

private func CFGetTypeIDIsBoolean(_ number: NSNumber) -> Bool {
    String(cString: number.objCType) == "c" || String(cString: number.objCType) == "B"
}
