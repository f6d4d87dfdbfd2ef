import Datasets
import Foundation
import Testing

/// Tables as spreadsheets write them: their delimiters, Excel's first line, their encodings and line ends.
@Suite("Tables")
struct TableTests {
    private static let rows = [
        ["question", "answer", "price"], ["Where; and \"when\"?", "Here,\r\nand now.", "1,50"], ["Why | how?", "So\tand so.", "2,75"],
    ]

    /// Every cell in quotes that needs them for any delimiter.
    private static func table(_ delimiter: Character, _ rows: [[String]] = rows) -> String {
        rows.map { row in
            row.map { cell in
                cell.contains { ";|,\t\"\r\n".contains($0) || $0 == "\r\n" }
                    ? "\"\(cell.replacingOccurrences(of: "\"", with: "\"\""))\"" : cell
            }.joined(separator: String(delimiter)) + "\r\n"
        }.joined()
    }

    private static func utf16(_ text: String, littleEndian: Bool) -> Data {
        Data(("\u{FEFF}" + text).utf16.flatMap { littleEndian ? [UInt8($0 & 0xFF), UInt8($0 >> 8)] : [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
    }

    enum Form: String, CaseIterable { case plain, separatorLine, quotedSeparatorLine, mark, utf16LE, utf16BE }

    @Test(arguments: [",", ";", "|", "\t"] as [Character], Form.allCases)
    func `a table is read by whatever stands between its cells`(delimiter: Character, form: Form) throws {
        let text = Self.table(delimiter)
        let data =
            switch form {
            case .plain: Data(text.utf8)
            case .separatorLine: Data("sep=\(delimiter)\r\n\(text)".utf8)
            case .quotedSeparatorLine: Data("\u{FEFF}\"SEP=\(delimiter)\"\n\(text)".utf8)
            case .mark: Data("\u{FEFF}\(text)".utf8)
            case .utf16LE: Self.utf16(text, littleEndian: true)
            case .utf16BE: Self.utf16("sep=\(delimiter)\r\n\(text)", littleEndian: false)
            }
        try withFolder { folder in
            let reader = try DatasetReader(folder.file("a", data))
            var examples: [ChatExample] = []
            let report = try reader.read { examples.append($0) }
            #expect(report.problems == [])
            #expect(report.layout.format == .questionAnswer && report.layout.encoding == (delimiter == "\t" ? .tsv : .csv))
            #expect(report.layout.delimiter == String(delimiter) && report.bytes == data.count)
            #expect(examples.map { $0.messages.map(\.content) } == Self.rows.dropFirst().map { [$0[0], $0[1]] })
            #expect(examples.map(\.fields) == Self.rows.dropFirst().map { [JSONField(name: "price", json: "\"\($0[2])\"")] })
            // The line that Excel adds, and the line ends inside of quotes, are counted.
            #expect(report.lines == (form == .plain || form == .mark || form == .utf16LE ? 4 : 5))

            // Out in each form of a table, and back: the same.
            for encoding in [DatasetEncoding.csv, .tsv] {
                let target = folder.appendingPathComponent("out.\(encoding.rawValue)")
                let exported = try DatasetExport(format: .questionAnswer, encoding: encoding).write(reader, to: target)
                #expect(exported.examples == 2 && exported.lost.isEmpty)
                #expect(try DatasetReader(target).examples() == examples)
            }
        }
    }

    /// A comma in numbers and in prose stands in every row as evenly as a delimiter would.
    @Test(arguments: [
        "Menge, kg;Preis, EUR\n1,5;2,5\n3,5;4,5\n", "Frage;Antwort;Note\nWas?;Das, und das.;1,5\nWer?;Er, und sie.;2,3\n",
        "Frage|Antwort, kurz\nWas, wer?|Das, und das.\n",
    ])
    func `decimal commas do not decide`(text: String) throws {
        try withFolder { folder in
            let layout = try DatasetReader(folder.file("a", text)).layout()
            #expect(layout.encoding == .csv && layout.delimiter == (text.contains("|") ? "|" : ";"))
        }
    }

    @Test func `names that were given decide, and what is said overrides what is seen`() throws {
        try withFolder { folder in
            var options = DatasetOptions()
            options.fields = ["question": "Frage, lang", "answer": "Antwort"]
            let file = try folder.file("a", "Frage, lang;Antwort\nWo, wann?;Hier, jetzt.\n")
            let examples = try DatasetReader(file, options: options).examples()
            #expect(examples.map { $0.messages.map(\.content) } == [["Wo, wann?", "Hier, jetzt."]])
            let tabs = try folder.file("b", "question\tanswer\na;b\tc;d\n")
            #expect(try DatasetReader(tabs, encoding: .tsv).examples().count == 1)
            #expect(try DatasetReader(tabs, encoding: .csv).validate().problems.map(\.code) == [.missingColumn])
            let commas = try folder.file("c", "question,answer\na,b\n")
            #expect(try DatasetReader(commas, encoding: .csv).examples().count == 1)
        }
    }

    /// Blocks and characters of every length, so that pairs and halves fall on the edges of what is read at once.
    @Test(arguments: [true, false]) func `UTF-16 is read whole, however long`(littleEndian: Bool) throws {
        try withFolder { folder in
            let replies = (0..<3).map { String(repeating: "aé風😀", count: 40_000 + $0) }
            let text = replies.map { "{\"question\":\"q\",\"answer\":\"\($0)\"}\n" }.joined()
            let data = Self.utf16(text, littleEndian: littleEndian)
            let reader = try DatasetReader(folder.file("a.jsonl", data))
            #expect(try reader.examples().map { $0.messages[1].content } == replies)
            let report = try reader.validate()
            #expect(report.bytes == data.count && report.lines == 3 && report.layout.encoding == .jsonl)
        }
    }

    @Test func `only sep= is no table`() throws {
        try withFolder { folder in
            let report = try DatasetReader(folder.file("a", "sep=;\r\n")).validate()
            #expect(report.problems.map(\.code) == [.emptyFile])
        }
    }
}
