import Foundation
import TestSupport
import Testing

@testable import Domain

/// Cases after JSONTestSuite (https://github.com/nst/JSONTestSuite), whose `y_` must be read and whose
/// `n_` must be refused; what RFC 8259 leaves open is decided in ``decisions``.
@Suite struct JSONParserTests {
    static let valid: [(String, JSONValue)] = [
        ("[[]   ]", [[]]), ("[\"\"]", [""]), ("[]", []), ("[ \t\r\n4]", [4]), ("[1]", [1]), ("[null, 1, \"1\", {}]", [nil, 1, "1", [:]]),
        ("[1,null,null,null,2]", [1, nil, nil, nil, 2]), ("[2] ", [2]), ("[0e+1]", [0.0]), ("[0e1]", [0.0]), ("[ 4]", [4]),
        ("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]", [-1e-78]), ("[20e1]", [200.0]),
        ("[123e65]", [123e65]), ("[-123]", [-123]), ("[-1]", [-1]), ("[1E22]", [1e22]), ("[1E-2]", [0.01]), ("[1E+2]", [100.0]),
        ("[123e45]", [123e45]), ("[123.456e78]", [123.456e78]), ("[123.456789]", [123.456789]),
        ("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}", ["asd": "sdf", "dfg": "fgh"]),
        ("{\"a\":\"b\",\"a\":\"c\"}", ["a": "c"]), ("{\"a\":\"b\",\"a\":\"b\"}", ["a": "b"]), ("{}", [:]), ("{\"\":0}", ["": 0]),
        ("{\"foo\\u0000bar\": 42}", ["foo\0bar": 42]), ("{\"min\": -1.0e+28, \"max\": 1.0e+28}", ["min": -1.0e28, "max": 1.0e28]),
        ("{\n\"a\": \"b\"\n}", ["a": "b"]), ("[\"\\u0060\\u012a\\u12AB\"]", ["`Īካ"]), ("[\"\\uD801\\udc37\"]", ["𐐷"]),
        ("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]", ["😹💍"]), ("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", ["\"\\/\u{8}\u{C}\n\r\t"]),
        ("[\"\\\\u0000\"]", ["\\u0000"]),
        ("[\"\\\"\"]", ["\""]), ("[\"a/*b*/c/*d//e\"]", ["a/*b*/c/*d//e"]), ("[\"\\\\a\"]", ["\\a"]), ("[\"\\u0012\"]", ["\u{12}"]),
        ("[\"\\uFFFF\"]", ["\u{FFFF}"]),
        ("[ \"asd\"]", ["asd"]), ("[\"\\uDBFF\\uDFFF\"]", ["\u{10FFFF}"]), ("[\"new\\u00A0line\"]", ["new\u{A0}line"]),
        ("[\"\u{10FFFF}\"]", ["\u{10FFFF}"]),
        ("[\"\\u0000\"]", ["\0"]), ("[\"\\u002c\"]", [","]), ("[\"π\"]", ["π"]), ("[\"asd \"]", ["asd "]), ("\" \"", " "),
        ("[\"\\uD834\\uDd1e\"]", ["𝄞"]),
        ("[\"\\u0821\"]", ["\u{821}"]), ("[\"\u{2028}\u{2029}\"]", ["\u{2028}\u{2029}"]), ("[\"\u{7F}\"]", ["\u{7F}"]),
        ("[\"\\uA66D\"]", ["\u{A66D}"]),
        ("[\"\\u005C\"]", ["\\"]), ("[\"\\u0022\"]", ["\""]), ("[\"\\u200B\"]", ["\u{200B}"]),
        ("[\"\u{2342}\u{3348}\u{20AC}\"]", ["\u{2342}\u{3348}\u{20AC}"]),
        ("false", false), ("42", 42), ("-0.1", -0.1), ("null", nil), ("\"asd\"", "asd"), ("true", true), ("\"\"", ""), ("[\"a\"]\n", ["a"]),
        ("[true]", [true]), (" [] ", []),
    ]

    static let invalid: [String] = [
        "", " ", "[1 true]", "[\"\": 1]", "[\"\"],", "[,1]", "[1,,2]", "[\"x\",,]", "[\"x\"]]", "[\"\",]", "[\"x\"", "[x", "[3[4]]", "[1:2]", "[,]",
        "[-]",
        "[   , \"\"]", "[\"a\",\n4\n,1,", "[1,]", "[1,,]", "[\"\u{B}a\"\\f]", "[*]", "[\"\"", "[1,", "[{}", "[fals]", "[nul]", "[tru]", "123\0",
        "[++1234]",
        "[+1]", "[+Inf]", "[-01]", "[-1.0.]", "[-2.]", "[-NaN]", "[.-1]", "[.2e-3]", "[0.1.2]", "[0.3e+]", "[0.3e]", "[0.e1]", "[0E+]", "[0E]",
        "[0e+]", "[0e]",
        "[1.0e+]", "[1.0e-]", "[1.0e]", "[1 000.0]", "[1eE2]", "[2.e+3]", "[2.e-3]", "[2.e3]", "[9.e+]", "[Inf]", "[NaN]", "[１]", "[1+2]", "[0x1]",
        "[0x42]",
        "[Infinity]", "[0e+-1]", "[-123.123foo]", "[-Infinity]", "[-foo]", "[- 1]", "[-012]", "[-.123]", "[-1x]", "[1ea]", "[1.]", "[.123]",
        "[1.2a-3]",
        "[1.8011670033376514H-308]", "[012]", "[\"x\", truth]", "{[: \"x\"}\n", "{\"x\", null}", "{\"x\"::\"b\"}", "{🇨🇭}", "{\"a\":\"a\" 123}",
        "{key: 'value'}", "{\"a\" b}", "{:\"b\"}", "{\"a\"", "{\"a\":", "{1:1}", "{9999E9999:1}", "{null:null,null:null}", "{\"id\":0,,,,,}",
        "{'a':0}",
        "{\"id\":0,}", "{\"a\":\"b\"}/**/", "{\"a\":\"b\"}#", "{\"a\":\"b\",,\"c\":\"d\"}", "{a: \"b\"}", "{\"a\":\"a",
        "{ \"foo\" : \"bar\", \"a\" }",
        "{\"a\":\"b\"}#{}", "[\"\\uD800\\\"]", "[\"\\uD800\\u\"]", "[\"\\uD800\\u1\"]", "[\"\\uD800\\u1x\"]", "[\"\\x00\"]", "[\"\\\\\\\"]",
        "[\"\\\t\"]",
        "[\"\\🌀\"]", "[\"\\\"]", "[\"\\u00A\"]", "[\"\\uD834\\uDd\"]", "[\"\\uD800\\uD800\\x\"]", "[\"\\a\"]", "[\"\\uqqqq\"]", "[\"\\u+123\"]",
        "[\\u0020\"asd\"]", "[\\n]",
        "\"", "['single quote']", "abc", "[\"\\", "[\"a\0a\"]", "[\"new\nline\"]", "[\"\t\"]", "\"\\UA66D\"", "\"\"x", "<.>", "[<null>]", "[1]x",
        "[1]]", "[\"asd]",
        "aå", "[True]", "1]", "{\"x\": true,", "[][]", "]", "{]", "2@", "{}}", "{\"\":", "{\"a\":/*comment*/\"b\"}", "{\"a\": true} \"x\"", "['",
        "[,", "{,", "{\"a", "{'a'",
        "[\"\\{[\"\\{", "é", "*", "{\"a\":\"b\"}#{}", "[\u{2060}]", "[\"\\u0041", "[\u{C}]", "nul", "tru", "-", "--1", "\u{A0}1",
    ]

    @Test func readsWhatIsValid() throws {
        for (text, value) in Self.valid { #expect(try JSONValue(parsing: text) == value, "\(text)") }
    }

    @Test func refusesWhatIsNot() {
        for text in Self.invalid { #expect(throws: JSONSyntaxError.self, "\(text)") { try JSONValue(parsing: text) } }
    }

    @Test func refusesInvalidUTF8AndHalfSurrogates() {
        let bytes: [[UInt8]] = [
            [0x22, 0xFF, 0x22], [0x22, 0x81, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xE0, 0xFF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF4, 0xBF, 0xBF, 0xBF, 0x22], [0x22, 0xFC, 0x80, 0x80, 0x80, 0x80, 0x80, 0x22], [0x22, 0xC3, 0x22],
            [0xFF, 0xFE, 0x5B, 0, 0x5D, 0],
            [0x7B, 0x22, 0xE5, 0x22, 0x3A, 0x30, 0x7D], [0x5B, 0xFF, 0x5D], [0x5B, 0x22, 0x5C, 0xE5, 0x22, 0x5D],
            // Valid bytes before, an escape, then an invalid one: both paths check.
            Array("\"0123456789\\n".utf8) + [0xC3, 0x28, 0x22],
        ]
        for bytes in bytes { #expect(throws: JSONSyntaxError.self, "\(bytes)") { try JSONValue(parsing: bytes) } }
        for half in ["\\uD800", "\\uDADA", "\\uDd1e", "\\uD888\\u1234", "\\uDd1e\\uD834", "\\uD800\\n", "\\uD800abc", "x\\uDFAA"] {
            #expect(throws: JSONSyntaxError.self, "\(half)") { try JSONValue(parsing: "[\"\(half)\"]") }
        }
    }

    @Test func decisions() throws {
        #expect(try JSONValue(parsing: "\u{FEFF}{}") == [:], "one byte order mark is passed over")
        #expect(try JSONValue(parsing: "[-0]") == [-0.0])
        #expect(try JSONValue(parsing: "1.0") == .double(1) && JSONValue(parsing: "1") == .int(1))
        #expect(try JSONValue(parsing: "9223372036854775807") == .int(.max))
        #expect(try JSONValue(parsing: "-9223372036854775808") == .int(.min))
        #expect(try JSONValue(parsing: "9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "-9223372036854775809") == .double(-9_223_372_036_854_775_808))
        #expect(try JSONValue(parsing: "100000000000000000000") == .double(1e20))
        #expect(try JSONValue(parsing: "123123e-10000000") == .double(0), "too small is zero")
        for huge in ["1e999", "-1e+9999", "0.4e00669999999999999999999999999999999999999999999999999999999999999999999999999969999999006"] {
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: huge) }
        }
    }

    @Test func nestingIsBounded() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[{\"a\":", count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2) }
        #expect(try JSONValue(parsing: nested(512)).serialized() == nested(512))
        for text in [nested(514), String(repeating: "[", count: 100_000), String(repeating: "{\"\":", count: 100_000)] {
            #expect { try JSONValue(parsing: text) } throws: { "\($0)".contains("nested deeper than 512 levels") }
        }
    }

    @Test func saysWhere() {
        #expect { try JSONValue(parsing: "{\"a\": nope}") } throws: { $0 as? JSONSyntaxError == JSONSyntaxError("expected a value", offset: 7) }
        #expect { try JSONValue(parsing: "[1, 2") } throws: {
            $0 as? JSONSyntaxError == JSONSyntaxError("the JSON text ends too early", offset: 6 - 1)
        }
    }

    @Test func escapesAtEveryPlaceOfAWord() throws {
        for special in ["\"", "\\", "\n", "\u{1}", "ü", "🌍", "/"] {
            for before in 0..<20 {
                for after in [0, 1, 7, 8, 9] {
                    let text = String(repeating: "x", count: before) + special + String(repeating: "y", count: after)
                    let json = JSONValue.string(text).serialized()
                    #expect(try JSONValue(parsing: json) == .string(text))
                    #expect(try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) as? String == text)
                }
            }
        }
    }

    @Test func agreesWithFoundationOnRandomDocuments() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<3000 {
            let value = JSONValue.array([Self.value(depth: 0, &random)])
            let theirs = try JSONSerialization.data(withJSONObject: Self.object(value), options: Bool.random(using: &random) ? [.prettyPrinted] : [])
            #expect(try JSONValue(parsing: theirs) == value)
            let ours = value.serialized()
            #expect(try JSONValue(parsing: ours) == value)
            let a = try JSONSerialization.jsonObject(with: Data(ours.utf8)) as? NSArray
            let b = try JSONSerialization.jsonObject(with: theirs) as? NSArray
            #expect(a == b && a != nil)
        }
    }

    @Test func readsNumbersAsTheStandardLibraryDoes() throws {
        var random = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let bits = Double(bitPattern: random.next())
            var text = bits.isFinite ? "\(bits)" : "0.5"
            if Bool.random(using: &random) {
                let digits = (0..<Int.random(in: 1...24, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
                text = "\(Int.random(in: 0...99, using: &random)).\(digits)e\(Int.random(in: -40...40, using: &random))"
            }
            #expect(try JSONValue(parsing: text) == .double(#require(Double(text))), "\(text)")
        }
    }

    /// What no parser of ours may do with damaged bytes: crash, or read them otherwise than Foundation.
    @Test func damagedDocumentsAreReadAsFoundationReadsThemOrRefused() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<3000 {
            var bytes = JSONValue.array([Self.value(depth: 0, &random)]).serializedBytes()
            for _ in 0...1 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random) }
            guard let ours = try? JSONValue(parsing: bytes) else { continue }
            #expect(try JSONValue(parsing: ours.serialized()) == ours)
            #expect(
                (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil, "\(String(decoding: bytes, as: UTF8.self))"
            )
        }
    }

    @Test func writesEveryKindOfNumber() {
        let value: JSONValue = ["a": [1, -9_223_372_036_854_775_808, 9_223_372_036_854_775_807, 0, -7, 1e300, 0.1], "ü": nil]
        #expect(value.serialized() == #"{"a":[1,-9223372036854775808,9223372036854775807,0,-7,1e+300,0.1],"ü":null}"#)
    }

    /// Prints what a chat body of some 300 bytes costs; asserts only that the work is done.
    @Test func speed() throws {
        let body =
            #"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,"message":{"role":"assistant","content":"The capital of France is Paris, on the Seine."},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}"#
        let buffer = Array(body.utf8)
        let value = try JSONValue(parsing: buffer)
        let rounds = 2000
        func microseconds(_ work: () throws -> Int) rethrows -> Double {
            let start = ContinuousClock.now
            var sum = 0
            for _ in 0..<rounds { sum += try work() }
            #expect(sum > 0)
            return (ContinuousClock.now - start) / .microseconds(1) / Double(rounds)
        }
        let parse = try microseconds { try JSONValue(parsing: buffer).objectValue?.count ?? 0 }
        let write = microseconds { value.serializedBytes().count }
        let data = Data(body.utf8)
        let foundation = try microseconds { (try JSONSerialization.jsonObject(with: data) as? NSDictionary)?.count ?? 0 }
        print("JSON, \(body.utf8.count) bytes: parse \(parse) µs, write \(write) µs, JSONSerialization parses in \(foundation) µs")
    }

    private static func value(depth: Int, _ random: inout SeededGenerator) -> JSONValue {
        switch Int.random(in: 0..<(depth > 4 ? 6 : 8), using: &random) {
        case 0: .null
        case 1: .bool(.random(using: &random))
        case 2: .int(Int(truncatingIfNeeded: random.next()) >> Int.random(in: 0..<64, using: &random))
        case 3: .double(Double(Int.random(in: -99_999...99_999, using: &random)) / 7 + 0.01)
        case 4, 5: .string(text(&random))
        case 6: .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in value(depth: depth + 1, &random) })
        default:
            .object(
                Dictionary(
                    (0..<Int.random(in: 0..<6, using: &random)).map { _ in (text(&random), value(depth: depth + 1, &random)) },
                    uniquingKeysWith: { $1 }))
        }
    }

    private static func text(_ random: inout SeededGenerator) -> String {
        let pool: [String] = ["a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", "\u{1}", "ü", "漢", "🌍", "\u{7F}", "plain words ", "{\"x\":1}"]
        return (0..<Int.random(in: 0..<12, using: &random)).map { _ in pool.randomElement(using: &random)! }.joined()
    }

    private static func object(_ value: JSONValue) -> Any {
        switch value {
        case .null: NSNull()
        case .bool(let value): NSNumber(value: value)
        case .int(let value): NSNumber(value: value)
        case .double(let value): NSNumber(value: value)
        case .string(let value): value
        case .array(let value): value.map(object)
        case .object(let value): value.mapValues(object)
        }
    }
}
