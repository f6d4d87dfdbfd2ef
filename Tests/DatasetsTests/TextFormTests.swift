import Datasets
import Foundation
import Testing

/// Files that say what they should, in another form than most: line ends, encodings, byte-order marks; and remedies that fit what was found.
@Suite("Forms of text, and remedies")
struct TextFormTests {
    private static let table = "question,answer\nWho?,\"Tom, the\nkeeper.\"\nWhy?,So.\n"
    private static let list = "[\n\(good),\n\(good.replacingOccurrences(of: "kiln", with: "oven"))\n]\n"
    private static let lines = (0..<3).map { good.replacingOccurrences(of: "kiln", with: "kiln \($0)") + "\n" }.joined()
    private static let wide = "問い,答え\n窯はどこですか,納屋の裏です。\n"

    private static func utf16(_ text: String, littleEndian: Bool) -> Data {
        Data(text.utf16.flatMap { littleEndian ? [UInt8($0 & 0xFF), UInt8($0 >> 8)] : [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
    }

    @Test(arguments: [lines, table, list, "sep=,\n" + table]) func `carriage returns alone end lines`(text: String) throws {
        try withFolder { folder in
            let expected = try DatasetReader(folder.file("lf", text))
            let data = Data(text.replacingOccurrences(of: "\n", with: "\r").utf8)
            let reader = try DatasetReader(folder.file("cr", data))
            var examples: [ChatExample] = []
            let report = try reader.read { examples.append($0) }
            #expect(report.problems == [])
            #expect(try examples == expected.examples())
            let plain = try expected.validate()
            #expect(report.lines == plain.lines && report.layout == plain.layout && report.bytes == data.count)
            #expect(report.sha256 != plain.sha256)
        }
    }

    @Test func `a problem between carriage returns has its line`() throws {
        try withFolder { folder in
            let text = good + "\r" + good + "\r{\"messages\":[]}\r"
            #expect(try DatasetReader(folder.file("a", text)).validate().problems.map(\.line) == [3])
            // With line feeds in the file, a carriage return is none of its line ends.
            let mixed = try DatasetReader(folder.file("b", good + "\n" + good + "\r" + good + "\n")).validate()
            #expect(mixed.problems.map(\.line) == [2] && mixed.problems[0].hint.contains("carriage return"))
        }
    }

    @Test(arguments: [lines, table, list, wide], [true, false])
    func `UTF-16 is read without a mark`(text: String, littleEndian: Bool) throws {
        try withFolder { folder in
            var options = DatasetOptions()
            if text == Self.wide { options.fields = ["question": "問い", "answer": "答え"] }
            let data = Self.utf16(text, littleEndian: littleEndian)
            let report = try DatasetReader(folder.file("a", data), options: options).validate()
            #expect(report.problems == [] && report.bytes == data.count)
            #expect(
                try DatasetReader(folder.file("a", data), options: options).examples()
                    == DatasetReader(folder.file("b", text), options: options).examples())
        }
    }

    @Test func `UTF-32 is named`() throws {
        try withFolder { folder in
            for isLittle in [true, false] {
                let data = Data(
                    good.unicodeScalars.flatMap { scalar in isLittle ? [UInt8(scalar.value), 0, 0, 0] : [0, 0, 0, UInt8(scalar.value)] })
                let problem = try #require(DatasetReader(folder.file("a", data)).validate().problems.first)
                #expect(problem.code == .invalidUTF8 && problem.message.contains("UTF-32") && problem.message.contains("UTF-16"))
            }
        }
    }

    @Test func `a byte-order mark in the middle is where files were joined`() throws {
        let mark = "\u{FEFF}"
        try withFolder { folder in
            let joined = mark + Self.lines + mark + good + "\n" + mark + "\n" + mark + good
            let report = try DatasetReader(folder.file("a", joined)).validate()
            #expect(report.problems == [] && report.examples == 5 && report.lines == 6)
            let table = mark + "question,answer\na,b\n" + mark + "\"c\",d\n" + mark + "e,f\n"
            #expect(
                try DatasetReader(folder.file("b", table)).examples().map { $0.messages.map(\.content) } == [["a", "b"], ["c", "d"], ["e", "f"]])
            let wide = Self.utf16(mark + good + "\n" + mark + good + "\n", littleEndian: true)
            #expect(try DatasetReader(folder.file("c", wide)).validate().examples == 2)
        }
    }

    static let remedies: [(record: String, code: DatasetCode, hint: String)] = [
        (#"{"instruction":"a","output":null}"#, .dataType, "null says that there is no text: write it, or remove the example"),
        (#"{"question":null,"answer":"b"}"#, .dataType, "null says that there is no text: write it, or remove the example"),
        (#"{"prompt":"a","completion":{"text":"b"}}"#, .dataType, "write it as one text in double quotes"),
        (#"{"question":"a","answer":5}"#, .dataType, "put it in double quotes"),
        (#"{"instruction":"a","output":"b","history":[["a",null]]}"#, .dataType, "leave out a pair in which one of the two is null"),
        (#"{"messages":[{"role":"user","content":null},{"role":"assistant","content":"b"}]}"#, .missingContent, "or remove the message"),
        (#"{"messages":[{"role":"user","content":{"text":"a"}},{"role":"assistant","content":"b"}]}"#, .missingContent, "as one text"),
        (#"{"messages":[{"role":"user","content":["a",null]},{"role":"assistant","content":"b"}]}"#, .unsupportedContent, "remove it, or write it"),
        (#"{"messages":null,"id":1}"#, .missingMessagesList, #"write {"messages""#),
        (#"{"question":"a","answer":NaN}"#, .invalidJSON, "JSON has no NaN: write null"),
        (#"{"question":"a","answer":-Infinity}"#, .invalidJSON, "JSON has no infinite number"),
        (#"{"question":"a","answer":None}"#, .invalidJSON, "None is Python's: JSON writes null"),
        (#"{"question":"a","answer":"b","ok":True}"#, .invalidJSON, "True is Python's: JSON writes true"),
        (#"{'question': 'a'}"#, .invalidJSON, "double quotes"),
    ]

    @Test(arguments: remedies) func `a remedy fits what was found`(record: String, code: DatasetCode, hint: String) throws {
        try withFolder { folder in
            let first = record.hasPrefix("{'") || record.contains("\"question\"") ? #"{"question":"x","answer":"y"}"# + "\n" : ""
            let problems = try DatasetReader(folder.file("a", first + record)).validate().problems
            #expect(problems.map(\.code) == [code])
            #expect(problems.first?.hint.contains(hint) == true, "\(problems)")
        }
    }

    static let columns: [(text: String, format: DatasetFormat?, hint: String)] = [
        ("Frage,Antwort\nWo ist das Boot?,Im Hafen.\n", nil, "fields=question:Frage,answer:Antwort"),
        ("Nr,Frage,Antwort,Punkte\n1,Wo ist das Boot?,Im alten Hafen.,3\n", nil, "fields=question:Frage,answer:Antwort"),
        ("id,bot_reply,user_message\n7,Ahoy there,Hello\n", nil, "fields=question:user_message,answer:bot_reply"),
        ("Antworten,Frage\nIm Hafen am Kai.,Wo?\n", .promptCompletion, "fields=prompt:Antworten,completion:Frage"),
        ("id,chat\n1,\"[{\"\"role\"\":\"\"assistant\"\",\"\"content\"\":\"\"b\"\"}]\"\n", .openAIChat, "fields=messages:chat"),
        ("\"Frage, kurz\";Antwort\nWo?;Im Hafen.\n", nil, "rename \"Frage, kurz\" to question and \"Antwort\" to answer, if"),
        ("sep=;\nFrage\nWo?\n", nil, "has two columns at least"),
    ]

    @Test(arguments: columns) func `a table with other columns is told which of them would do`(text: String, format: DatasetFormat?, hint: String)
        throws
    {
        try withFolder { folder in
            let file = try folder.file("a", text)
            let problem = try #require(DatasetReader(file, format: format, encoding: .csv).validate().problems.first)
            #expect(problem.code == .missingColumn && problem.hint.contains(hint), "\(problem.hint)")
            // What it says can be done as it is said.
            guard let said = problem.hint.split(separator: "fields=").dropFirst().first else { return }
            var options = DatasetOptions()
            for pair in said.split(separator: ",") { options.fields[String(pair.split(separator: ":")[0])] = String(pair.split(separator: ":")[1]) }
            #expect(try DatasetReader(file, format: format, encoding: .csv, options: options).validate().isUsable)
        }
    }

    @Test func `records of unknown fields are told the same`() throws {
        try withFolder { folder in
            let file = try folder.file("a", #"{"nr":1,"Frage":"Wo ist das Boot?","Antwort":"Im Hafen."}"#)
            let problem = try #require(DatasetReader(file).validate().problems.first)
            #expect(problem.code == .missingMessagesList && problem.hint.contains("fields=question:Frage,answer:Antwort"), "\(problem.hint)")
            var options = DatasetOptions()
            options.fields = ["question": "Frage", "answer": "Antwort"]
            #expect(try DatasetReader(file, options: options).validate().isUsable)
        }
    }
}
