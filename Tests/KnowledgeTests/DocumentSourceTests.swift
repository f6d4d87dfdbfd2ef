import Foundation
import Knowledge
import Testing

@Suite("Reading documents")
struct DocumentSourceTests {
    private func read(
        _ source: DocumentSource, extractor: (any ArchiveExtractor)? = nil, parser: (any DocumentParser)? = nil
    ) async throws -> ([Document], [DocumentProblem]) {
        try await withTemporaryFolder { scratch in
            var documents: [Document] = []
            let problems = try await source.forEachDocument(extractor: extractor, parser: parser, scratch: scratch) { documents.append($0) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty, "unpacked text must not stay")
            return (documents, problems)
        }
    }

    @Test func `each bad file is a problem with a hint and the good ones survive`() async throws {
        try await withTemporaryFolder { folder in
            try folder.write("good.md", "# Fine\n\nText.")
            try folder.write("empty.txt", "")
            try folder.write("blank.txt", "\u{FEFF} \r\n\t\n")
            try folder.write("binary.txt", [0x41, 0x00, 0x42])
            try folder.write("latin.txt", Array("caf".utf8) + [0xE9] + Array(" au lait".utf8))
            try folder.write("utf16.txt", [0xFF, 0xFE, 0x41, 0x00])
            try folder.write("paper.pdf", "%PDF-1.7 …")
            try folder.write("named.txt", "%PDF-1.7 under another name")
            try folder.write("page.html", "<p>x</p>")
            try folder.write("bundle.zip", [0x50, 0x4B, 3, 4, 0, 0])
            let (documents, problems) = try await read(DocumentSource(folder))
            #expect(documents.map(\.name) == ["good.md"])
            let codes = Dictionary(uniqueKeysWithValues: problems.map { ($0.name, $0.code) })
            #expect(
                codes == [
                    "empty.txt": "empty_document", "blank.txt": "empty_document", "binary.txt": "binary_file", "latin.txt": "not_utf8",
                    "utf16.txt": "unsupported_type", "paper.pdf": "unsupported_type", "named.txt": "unsupported_type",
                    "page.html": "unsupported_type", "bundle.zip": "archive_unsupported",
                ])
            #expect(problems.allSatisfy { !$0.hint.isEmpty && !$0.message.contains(folder.path) })
            #expect(problems.first { $0.name == "latin.txt" }?.message.contains("offset 3") == true)
        }
    }

    @Test func `nothing readable throws with the reasons`() async throws {
        try await withTemporaryFolder { folder in
            let file = try folder.write("empty.txt", "")
            let error = await #expect(throws: KnowledgeError.self) { _ = try await read(DocumentSource(file)) }
            guard case .nothingReadable(let problems)? = error else {
                Issue.record("wrong error \(String(describing: error))")
                return
            }
            #expect(problems.map(\.code) == ["empty_document"])
            #expect(error?.hint.isEmpty == false)
            await #expect(throws: KnowledgeError.self) { _ = try await read(DocumentSource(folder.appendingPathComponent("missing.md"))) }
        }
    }

    @Test func `a corpus line is a document and a bad line is named by number`() async throws {
        try await withTemporaryFolder { folder in
            let file = try folder.write(
                "corpus.jsonl",
                "\u{FEFF}{\"_id\":\"a\",\"title\":\"T\",\"text\":\"One.\"}\r\n\n{\"_id\":7,\"text\":\"Two.\"}\n{oops\n{\"text\":\"x\"}\n"
                    + "{\"_id\":\"c\"}\n{\"_id\":\"m\",\"messages\":[]}\n{\"_id\":\"e\",\"text\":\"  \"}\n{\"_id\":\"z\",\"text\":\"Last.\"}")
            let (documents, problems) = try await read(DocumentSource(file))
            #expect(documents.map(\.name) == ["a", "7", "z"])
            #expect(documents.map(\.title) == ["T", "", ""])
            #expect(problems.map(\.name) == ["corpus.jsonl:4", "corpus.jsonl:5", "corpus.jsonl:6", "corpus.jsonl:7", "corpus.jsonl:8"])
            #expect(problems.map(\.code) == ["invalid_json", "missing_id", "missing_text", "missing_text", "empty_document"])
            #expect(problems[3].hint.contains("jsonl dataset"))
        }
    }

    @Test func `fields of a corpus that are not read are named once`() async throws {
        try await withTemporaryFolder { folder in
            let file = try folder.write(
                "corpus.jsonl",
                (0..<50).map { #"{"_id":"\#($0)","text":"One.","summary":"Lost.","author":"Ada","metadata":{}}"# }.joined(separator: "\n")
                    + "\n{\"_id\":\"x\",\"text\":\"Two.\",\"metadata\":{\"url\":\"lost\"}}")
            let (documents, problems) = try await read(DocumentSource(file))
            #expect(documents.count == 51 && problems.map(\.code) == ["fields_left_out"] && problems.allSatisfy(\.isWarning))
            #expect(problems.first?.message == "Fields of 51 lines were left out: author, summary, metadata.")
            let plain = try folder.write("plain.jsonl", #"{"_id":"a","title":"T","text":"One.","tags":["x"],"metadata":{}}"#)
            #expect(try await read(DocumentSource(plain)).1.isEmpty)
        }
    }

    @Test func `the user's name decides the format, not the stored one`() async throws {
        try await withTemporaryFolder { folder in
            let file = try folder.write("3fa9c1", "# Heading\n\nText.")
            #expect(try await read(DocumentSource(file, name: "guide.md")).0.map(\.title) == ["Heading"])
            #expect(try await read(DocumentSource(file)).0.map(\.format) == [.plain])
            let lines = try folder.write("77ab", "{\"_id\":\"1\",\"text\":\"A corpus without extension.\"}")
            #expect(try await read(DocumentSource(lines)).0.map(\.name) == ["1"])
        }
    }

    @Test func `titles come from front matter, heading or name`() {
        func title(_ name: String, _ text: String) -> String { Document(name: name, text: text, format: .markdown).title }
        #expect(title("a.md", "---\ntitle: \"From matter\"\ntags: x\n---\n# Heading\n\nText.") == "From matter")
        #expect(title("a.md", "Intro.\n\nHeading\n=======\n\nText.") == "Heading")
        #expect(title("guides/shipping-policy.md", "Only text.") == "shipping policy")
        #expect(title("a.md", "```\n# not a heading\n```\n\n# Real C# ##") == "Real C#")
    }

    @Test func `an archive is told by its bytes and leaves nothing unpacked`() async throws {
        struct Fake: ArchiveExtractor {
            func unpack(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws -> [ArchiveNote] {
                try directory.write("b/second.md", "Second.")
                try directory.write("first.txt", "First.")
                try directory.write("inner.dat", [0x1F, 0x8B, 8])
                try directory.write(".hidden.txt", "Not meant.")
                try directory.write(".git/config", "Not meant.")
                try directory.write("__MACOSX/fork.txt", "Not meant.")
                try directory.write("b/.DS_Store", "Not meant.")
                try directory.write("b/Thumbs.db", "Not meant.")
                try FileManager.default.createSymbolicLink(
                    at: directory.appendingPathComponent("link.txt"), withDestinationURL: archive)
                return [
                    ArchiveNote(entry: "locked.md", code: "entry_left_out", message: "It is encrypted.", hint: "Pack it without a password."),
                    ArchiveNote(entry: nil, code: "names_guessed", message: "Its names were read as GBK.", hint: "Use UTF-8."),
                ]
            }
        }
        struct Broken: ArchiveExtractor {
            struct TooBig: Error {}
            func unpack(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws -> [ArchiveNote] {
                try directory.write("half.txt", "Half.")
                throw TooBig()
            }
        }
        try await withTemporaryFolder { folder in
            var tar = [UInt8](repeating: 0x61, count: 512)
            tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
            for (name, bytes) in [("notes.txt", [0x50, 0x4B, 3, 4]), ("x.md", [0x1F, 0x8B, 8, 0]), ("plain", tar)] {
                let file = try folder.write(name, bytes)
                let (documents, problems) = try await read(DocumentSource(file), extractor: Fake())
                #expect(documents.map(\.name) == ["b/second.md", "first.txt"])
                // What is lost comes before what was guessed, and is named by its entry.
                #expect(problems.map(\.code) == ["entry_left_out", "nested_archive", "names_guessed", "hidden_left_out"])
                #expect(problems.map(\.name) == ["locked.md", "inner.dat", name, name] && problems.map(\.isWarning) == [false, false, true, true])
                #expect(problems.last?.message == "Hidden files and folders were not read: .git, .hidden.txt.")
                await #expect(throws: KnowledgeError.self) { _ = try await read(DocumentSource(file), extractor: Broken()) }
            }
        }
    }

    @Test func `of many bad files a hundred are named and the others counted`() async throws {
        try await withTemporaryFolder { folder in
            try folder.write("good.md", "Good.")
            for index in 0..<130 { try folder.write("bad\(index).txt", [0, 1, 2, 0xFF]) }
            let (documents, problems) = try await read(DocumentSource(folder))
            #expect(documents.map(\.name) == ["good.md"])
            #expect(problems.count == 101 && problems.last?.code == "more_problems")
            #expect(problems.last?.message == "30 more problems are not listed.")
        }
    }

    /// Says of a file what its second line names; `archive` and `refused` are failures.
    private struct FakeParser: DocumentParser {
        func parse(_ file: URL, name: String, into out: URL) async throws -> ParsedText {
            let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
            switch text.split(separator: "\n").dropFirst().first ?? "" {
            case "archive": throw DocumentParseFailure(code: "any", message: "Files.", hint: "Unpack.", isArchive: true)
            case "refused": throw DocumentParseFailure(code: "unsupported", message: "A presentation.", hint: "Save it as PDF.")
            default:
                try Data("Read.".utf8).write(to: out)
                return ParsedText(kind: "xlsx", format: .markdown, warnings: [.init(code: "pictures", message: "2 pictures were left out.")])
            }
        }
    }

    private struct OneFile: ArchiveExtractor {
        func unpack(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws -> [ArchiveNote] {
            try directory.write("inside.md", "Inside.")
            return []
        }
    }

    @Test func `a zip is a document or an archive by its content, whatever its name`() async throws {
        try await withTemporaryFolder { folder in
            for name in ["ferries.xlsx", "ferries.zip", "3fa9c1"] {
                let file = try folder.write(name, "PK\u{3}\u{4}\nworkbook")
                let (documents, problems) = try await read(DocumentSource(file), extractor: OneFile(), parser: FakeParser())
                #expect(documents.map(\.name) == [name] && documents.map(\.kind) == ["xlsx"])
                #expect(problems.map(\.code) == ["pictures"] && problems.allSatisfy { $0.isWarning && !$0.hint.isEmpty })
            }
            for (name, said) in [("notes.zip", []), ("notes", []), ("notes.docx", ["wrong_extension"])] {
                let file = try folder.write(name, "PK\u{3}\u{4}\narchive")
                let (documents, problems) = try await read(DocumentSource(file), extractor: OneFile(), parser: FakeParser())
                #expect(documents.map(\.name) == ["inside.md"] && problems.map(\.code) == said)
            }
            let file = try folder.write("talk.zip", "PK\u{3}\u{4}\nrefused")
            let error = await #expect(throws: KnowledgeError.self) {
                _ = try await read(DocumentSource(file), extractor: OneFile(), parser: FakeParser())
            }
            guard case .nothingReadable(let problems)? = error else {
                Issue.record("wrong error \(String(describing: error))")
                return
            }
            #expect(problems.map(\.code) == ["unsupported"] && problems.map(\.hint) == ["Save it as PDF."])
        }
    }

    @Test func `what is no text is known by its content under a text's name`() async throws {
        try await withTemporaryFolder { folder in
            for start in ["%PDF-1.7", "{\\rtf1", "<!DOCTYPE html>", " \n<html lang=\"en\">", "Rar!\u{1A}"] {
                let file = try folder.write("notes.txt", start + "\nparsed")
                #expect(try await read(DocumentSource(file), parser: FakeParser()).0.map(\.kind) == ["xlsx"], "\(start)")
            }
            for text in ["An <html> in the middle", "<htmlish>", "{rtf}"] {
                let file = try folder.write("notes.txt", text)
                #expect(try await read(DocumentSource(file), parser: FakeParser()).0.map(\.text) == [text])
            }
        }
    }

    @Test func `tables are for the parser, whatever their encoding`() async throws {
        try await withTemporaryFolder { folder in
            for (name, bytes) in [
                ("a.csv", Array("Pier;Boats\nparsed;1\n".utf8)), ("b.TSV", Array("Pier\tBoats\nparsed\t1\n".utf8)),
                ("c.csv", [0x50, 0x0A, 0xE9, 0x0A]), ("d.csv", [0xEF, 0xBB, 0xBF] + Array("Pier,Boats\nparsed,1\n".utf8)),
            ] {
                let file = try folder.write(name, bytes)
                let (documents, problems) = try await read(DocumentSource(file), parser: FakeParser())
                #expect(documents.map(\.text) == ["Read."] && documents.map(\.format) == [.markdown], "\(name)")
                #expect(problems.map(\.code) == ["pictures"])
            }
            // Without a parser rows are still rows.
            let file = try folder.write("a.csv", "Pier,Boats\nLund,1\n")
            #expect(try await read(DocumentSource(file)).0.map(\.format) == [.rows(delimiter: .comma)])
        }
    }

    @Test func `warnings of many files do not hide the file that could not be read`() async throws {
        try await withTemporaryFolder { folder in
            for number in 0..<300 { _ = try folder.write("a\(number).bin.pdf", "%PDF\u{2D}\n\(number)") }
            try folder.write("z.txt", [0x41, 0x00])
            let (documents, problems) = try await read(DocumentSource(folder), parser: FakeParser())
            #expect(documents.count == 300)
            #expect(problems.first?.code == "binary_file" && problems.last?.message == "200 more warnings are not listed.")
            #expect(problems.count == 102)
            let stored = try JSONDecoder().decode([DocumentProblem].self, from: JSONEncoder().encode(problems))
            #expect(stored == problems)
            // As lists were before there were warnings.
            let old = #"[{"name":"a","code":"b","message":"c","hint":"d"}]"#
            #expect(try JSONDecoder().decode([DocumentProblem].self, from: Data(old.utf8)).map(\.isWarning) == [false])
        }
    }
}
