import Datasets
import Foundation
import Testing

/// Datasets that cannot be used, each with the line, the field and the code it is refused with, and words of its message.
@Suite("Malformed datasets")
struct MalformedTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var line: Int?
        var field: String?
        var code: DatasetCode
        var says: String
        var testDescription: String { name }

        init(_ name: String, _ text: String, line: Int? = 1, field: String? = nil, _ code: DatasetCode, says: String) {
            self.init(name, Array(text.utf8), line: line, field: field, code, says: says)
        }

        init(_ name: String, _ bytes: [UInt8], line: Int? = 1, field: String? = nil, _ code: DatasetCode, says: String) {
            self.name = name
            self.bytes = bytes
            self.line = line
            self.field = field
            self.code = code
            self.says = says
        }
    }

    private static func chat(_ messages: String) -> String { good + "\n{\"messages\":[" + messages + "]}\n" + good + "\n" }
    private static let reply = #"{"role":"assistant","content":"b"}"#
    private static let utf16 = Array(good.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })

    static let cases: [Case] = [
        // The file as a whole.
        Case("empty", "", line: nil, .emptyFile, says: "0 bytes"),
        Case("white space only", " \n\t\r\n  \n", line: nil, .emptyFile, says: "no examples"),
        Case("a byte-order mark only", [0xEF, 0xBB, 0xBF], line: nil, .emptyFile, says: "no examples"),
        Case("an empty list", "[]", line: nil, .emptyFile, says: "no examples"),
        Case("a header only", "question,answer\n", line: nil, .emptyFile, says: "no examples"),
        Case("gzip renamed", [0x1F, 0x8B, 0x08, 0x00, 0x00, 0x0A, 0x7B], line: nil, .compressedFile, says: "gzip"),
        Case("zip renamed", [0x50, 0x4B, 0x03, 0x04, 0x14, 0x00], line: nil, .compressedFile, says: "zip"),
        Case("a document of old Office", [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1], line: nil, .binaryFile, says: "old Office"),
        Case("zstd renamed", [0x28, 0xB5, 0x2F, 0xFD, 0x04], line: nil, .compressedFile, says: "zstd"),
        Case("parquet renamed", Array("PAR1".utf8) + [0x15, 0x04], line: nil, .binaryFile, says: "Parquet"),
        Case("a PDF", "%PDF-1.7\n%âãÏÓ", line: nil, .binaryFile, says: "PDF"),
        Case("a picture", [0x89, 0x50, 0x4E, 0x47], .invalidUTF8, says: "0x89"),
        Case("a page that says no", "<!DOCTYPE html>\n<html><body>404</body></html>", .htmlPage, says: "web page"),
        Case("UTF-32", [0xFF, 0xFE, 0, 0, 0x7B, 0, 0, 0], .invalidUTF8, says: "UTF-32"),
        Case("UTF-16 that ends inside of a character", [0xFF, 0xFE] + utf16 + [0x0A, 0, 0x3D, 0xD8], line: 2, .invalidUTF8, says: "0xED"),
        Case("UTF-16 of an odd length", [0xFF, 0xFE] + utf16 + [0x0A, 0, 0x7B], line: 2, .invalidUTF8, says: "0xFF"),
        // A record as text.
        Case("words", "hello there\n", .invalidJSON, says: "\"hello there\""),
        Case("a cut last line", good + "\n" + good.dropLast(9), line: 2, .invalidJSON, says: "ends where"),
        Case(
            "invalid UTF-8", Array(good.utf8) + Array("\n{\"messages\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8), line: 2, .invalidUTF8,
            says: "0xC3 at 14"),
        Case(
            "Latin-1", Array(good.utf8) + [0x0A] + Array(good.utf8.dropLast(5)) + [0xE9, 0x22, 0x7D, 0x5D, 0x7D], line: 2, .invalidUTF8, says: "0xE9"),
        Case("a NUL", good + "\n{\"messages\":[\u{0}]}", line: 2, .invalidJSON, says: "a value should stand at byte 14"),
        Case("a NUL in a text", good + "\n{\"messages\":\"\u{0}\"}", line: 2, .invalidJSON, says: "control character"),
        Case("a raw tab in a text", good + "\n{\"messages\":\"a\tb\"}", line: 2, .invalidJSON, says: "control character"),
        Case("half a surrogate pair", chat(#"{"role":"user","content":"\ud83d"},"# + reply), line: 2, .loneSurrogate, says: "byte 40"),
        Case("a bad escape", chat(#"{"role":"user","content":"C:\dir"},"# + reply), line: 2, .invalidJSON, says: "backslash"),
        Case("single quotes", good + "\n{'messages': []}", line: 2, .invalidJSON, says: "a key in quotes"),
        Case("a trailing comma", chat(reply + ","), line: 2, .invalidJSON, says: "a value should stand"),
        Case("two records on a line", good + good, .invalidJSON, says: "more text behind"),
        Case("NaN", chat(#"{"role":"assistant","content":"b","weight":NaN}"#), line: 2, .invalidJSON, says: "a value should stand"),
        Case(
            "deep nesting", good + "\n" + String(repeating: "{\"a\":", count: 600) + "1" + String(repeating: "}", count: 600), line: 2, .tooDeep,
            says: "512"),
        Case("indented JSON as lines", "{\n  \"messages\": [\n  ]\n}\n", .invalidJSON, says: "ends where"),
        Case("too many values", good + "\n{\"x\":[" + String(repeating: "0,", count: 1_100_000) + "0]}", line: 2, .tooManyValues, says: "1048576"),
        Case("a line too long", good + "\n\"" + String(repeating: "x", count: 5 << 20) + "\"\n" + good, line: 2, .lineTooLong, says: "5242882 bytes"),
        Case("a list that is cut", "[\(good),\n\(good),\n{\"messages\"", line: 3, .unclosedArray, says: "not closed"),
        Case("a list with a comma too many", "[\(good),]", .invalidJSON, says: "ends where a value"),
        Case("text behind a list", "[\(good)]\nx", line: 2, .invalidJSON, says: "behind the list"),
        Case(
            "an element too long", "[\n\"" + String(repeating: "x", count: 5 << 20) + "\",\n\(good)]", line: 2, .lineTooLong,
            says: "element of 5242882"),
        // A record as an example.
        Case("a list as a record", "\(good)\n[1,2]\n", line: 2, .dataType, says: "a list instead"),
        Case("a number as a record", good + "\n17", line: 2, .dataType, says: "a number instead"),
        Case("no messages", good + "\n{}", line: 2, field: "messages", .missingMessagesList, says: "empty object"),
        Case(
            "another format's record", good + "\n" + #"{"instruction":"a","output":"b"}"#, line: 2, field: "messages", .missingMessagesList,
            says: "instruction, output"),
        Case(
            "messages that are text", good + "\n" + #"{"messages":"hi"}"#, line: 2, field: "messages", .missingMessagesList, says: "messages is text"),
        Case("messages that are empty", good + "\n" + #"{"messages":[]}"#, line: 2, field: "messages", .missingMessagesList, says: "an empty list"),
        Case("a message that is text", chat("\"a\"," + reply), line: 2, field: "messages[0]", .dataType, says: "text in the list"),
        Case("no role", chat(#"{"content":"a"},"# + reply), line: 2, field: "messages[0].role", .messageMissingKey, says: "no role"),
        Case(
            "a role that is a number", chat(#"{"role":1,"content":"a"},"# + reply), line: 2, field: "messages[0].role", .messageMissingKey,
            says: "a number for a role"),
        Case(
            "an unknown role", chat(#"{"role":"wizard","content":"a"},"# + reply), line: 2, field: "messages[0].role", .unrecognizedRole,
            says: "wizard"),
        Case("no content", chat(#"{"role":"user"},"# + reply), line: 2, field: "messages[0].content", .missingContent, says: "no text"),
        Case("null content", chat(#"{"role":"user","content":null},"# + reply), line: 2, field: "messages[0].content", .missingContent, says: "null"),
        Case(
            "a huge number as content", chat(#"{"role":"user","content":1e999},"# + reply), line: 2, field: "messages[0].content", .missingContent,
            says: "a number"),
        Case(
            "a picture as content", chat(#"{"role":"user","content":[{"type":"image_url","image_url":{}}]},"# + reply), line: 2,
            field: "messages[0].content[0]", .unsupportedContent, says: "no text"),
        Case(
            "an empty reply", chat(#"{"role":"user","content":"a"},{"role":"assistant","content":" \n"}"#), line: 2, field: "messages[1].content",
            .emptyReply, says: "empty reply"),
        Case(
            "a reply of spaces that are not ASCII",
            chat(#"{"role":"user","content":"a"},{"role":"assistant","content":" "# + String(repeating: "\u{3000}\u{A0} ", count: 40) + #""}"#),
            line: 2,
            field: "messages[1].content", .emptyReply, says: "empty reply"),
        Case(
            "no reply", chat(#"{"role":"user","content":"a"}"#), line: 2, field: "messages", .exampleMissingAssistantMessage,
            says: "no message of the assistant"),
        Case(
            "every weight 0", chat(#"{"role":"assistant","content":"b","weight":0}"#), line: 2, field: "messages", .noTrainedReply,
            says: "weight of 0"),
        Case(
            "a weight of two", chat(#"{"role":"assistant","content":"b","weight":2}"#), line: 2, field: "messages[0].weight", .invalidWeight,
            says: "\"2\""),
        Case(
            "a key twice", chat(#"{"role":"user","role":"system","content":"a"},"# + reply), line: 2, field: "messages[0]", .duplicateKey,
            says: "\"role\""),
        Case("messages twice", good + "\n{\"messages\":[\(reply)],\"messages\":[\(reply)]}", line: 2, .duplicateKey, says: "\"messages\""),
        Case(
            "tool calls that are text", chat(#"{"role":"assistant","content":"b","tool_calls":"x"}"#), line: 2, field: "messages[0].tool_calls",
            .dataType, says: "text for tool calls"),
        // Other formats.
        Case("ShareGPT without a list", "{\"conversations\":[]}", field: "conversations", .missingConversationsList, says: "an empty list"),
        Case(
            "ShareGPT with an unknown speaker", #"{"conversations":[{"from":"elf","value":"a"}]}"#, field: "conversations[0].from", .unrecognizedRole,
            says: "elf"),
        Case("ShareGPT without a value", #"{"conversations":[{"from":"gpt"}]}"#, field: "conversations[0].value", .missingContent, says: "no text"),
        Case(
            "Alpaca without an output", #"{"instruction":"a","output":"b"}"# + "\n" + #"{"instruction":"a"}"#, line: 2, field: "output",
            .missingField, says: "no output"),
        Case("Alpaca with a number", #"{"instruction":"a","output":5}"#, field: "output", .dataType, says: "a number in output"),
        Case("Alpaca with a history of words", #"{"instruction":"a","output":"b","history":["x"]}"#, field: "history[0]", .dataType, says: "no pair"),
        Case("an empty completion", #"{"prompt":"a","completion":""}"#, field: "completion", .emptyReply, says: "empty completion"),
        Case("an empty question", #"{"question":" ","answer":"b"}"#, field: "question", .emptyPrompt, says: "empty question"),
        // Tables.
        Case("columns nobody knows", "colour,price\nred,1\nblue,2\n", field: "question", .missingColumn, says: "colour, price"),
        Case("a column twice", "question,answer,answer\na,b,c\n", field: "answer", .duplicateColumn, says: "two columns"),
        Case("a cell too few", "question,answer\na,b\nc\n", line: 3, .columnCount, says: "1 cell"),
        Case("an unquoted comma", "question,answer\na,b,c\n", line: 2, .columnCount, says: "3 cells"),
        Case("a quote that stays open", "question,answer\na,\"b\nc,d\n", line: 2, .unclosedQuote, says: "file ends in"),
        Case("a cell too few between semicolons", "sep=;\r\nquestion;answer\r\na;\"b\r\nb\"\r\nc\r\n", line: 5, .columnCount, says: "1 cell"),
        Case("an unquoted bar", "question|answer\na|b\nc|d|e\n", line: 3, .columnCount, says: "3 cells"),
        Case("columns nobody knows, behind sep=", "sep=;\nFarbe;Preis\nrot;1,5\n", line: 2, field: "question", .missingColumn, says: "Farbe, Preis"),
        Case("text behind a quote", "question,answer\n\"a\"x,b\n", line: 2, .invalidQuote, says: "behind a closing quote"),
        Case("a cell that is no UTF-8", Array("question,answer\na,".utf8) + [0xFF, 0x0A], line: 2, .invalidUTF8, says: "0xFF"),
        Case("a cell of words for messages", "messages\nhello\n", line: 2, field: "messages", .missingMessagesList, says: "messages is text"),
    ]

    @Test(arguments: cases) func `is refused with its line, field and code`(bad: Case) throws {
        try withFolder { folder in
            let file = try folder.file("bad.jsonl", Data(bad.bytes))
            var seen = 0
            let report = try DatasetReader(file).read { _ in seen += 1 }
            #expect(!report.isUsable && report.problemCount == report.problemCounts.values.reduce(0, +))
            #expect(report.examples == seen)
            let problem = try #require(report.problems.first)
            #expect(problem.code == bad.code && problem.line == bad.line && problem.field == bad.field, "\(problem)")
            #expect(problem.message.contains(bad.says), "\(problem.message)")
            #expect(!problem.found.isEmpty && !problem.expected.isEmpty && !problem.hint.isEmpty)
            // The file is as it was, and nothing lies beside it.
            #expect(try Data(contentsOf: file) == Data(bad.bytes))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["bad.jsonl"])
            // What can be wrong in one place is wrong once, but where one mistake is many lines.
            if !["indented JSON as lines"].contains(bad.name) { #expect(report.problemCount == 1, "\(report.problems)") }
        }
    }

    @Test func `there are more than fifty, and every error's code is among them`() {
        #expect(Self.cases.count > 50)
        let warnings: Set<DatasetCode> = [
            .duplicateExample, .overLong, .secretFound, .emailFound, .messageUnrecognizedKey, .toolCalls, .toolResults, .emptyMessage, .noReply,
            .fieldLeftOut,
        ]
        #expect(Set(DatasetCode.allCases).subtracting(warnings) == Set(Self.cases.map(\.code)))
    }

    @Test func `a file that ends without a line end, and one of CRLF, are whole`() throws {
        try withFolder { folder in
            #expect(try DatasetReader(folder.file("a", good + "\n" + good)).validate().examples == 2)
            let report = try DatasetReader(folder.file("b", "\u{FEFF}" + good + "\r\n\r\n" + good + "\r\n")).validate()
            #expect(report.examples == 2 && report.lines == 3 && report.isUsable)
        }
    }

    @Test func `every problem is counted and a hundred are shown`() throws {
        try withFolder { folder in
            let report = try DatasetReader(folder.file("a", String(repeating: "x\n", count: 250) + "{}\n")).validate()
            #expect(report.problemCount == 251 && report.problems.count == 100)
            #expect(report.problemCounts == ["invalid_json": 250, "missing_messages_list": 1])
            #expect(DatasetInvalid(report).message == "251 problems in 251 lines")
        }
    }

    @Test func `unknown keys are warned of, and refused where that is asked for`() throws {
        try withFolder { folder in
            let file = try folder.file("a", #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","mood":"glad"}]}"#)
            let report = try DatasetReader(file).validate()
            #expect(report.isUsable && report.warnings.map(\.code) == [.messageUnrecognizedKey])
            #expect(report.warnings[0].field == "messages[1].mood")
            var options = DatasetOptions()
            options.strictKeys = true
            #expect(try DatasetReader(file, options: options).validate().problems.map(\.code) == [.messageUnrecognizedKey])
        }
    }
}
