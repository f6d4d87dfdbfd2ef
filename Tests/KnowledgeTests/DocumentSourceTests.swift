import Foundation
import Knowledge
import Testing

@Suite("Reading documents")
struct DocumentSourceTests {
    private func read(_ source: DocumentSource, extractor: (any ArchiveExtractor)? = nil) async throws -> ([Document], [DocumentProblem]) {
        try await withTemporaryFolder { scratch in
            var documents: [Document] = []
            let problems = try await source.forEachDocument(extractor: extractor, scratch: scratch) { documents.append($0) }
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
            func extract(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws {
                try directory.write("b/second.md", "Second.")
                try directory.write("first.txt", "First.")
                try directory.write("inner.dat", [0x1F, 0x8B, 8])
                try directory.write(".hidden.txt", "Not meant.")
                try directory.write("__MACOSX/fork.txt", "Not meant.")
                try FileManager.default.createSymbolicLink(
                    at: directory.appendingPathComponent("link.txt"), withDestinationURL: archive)
            }
        }
        struct Broken: ArchiveExtractor {
            struct TooBig: Error {}
            func extract(_ archive: URL, into directory: URL, maxEntries: Int, maxBytes: Int) async throws {
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
                #expect(problems.map(\.code) == ["nested_archive"])
                await #expect(throws: KnowledgeError.self) { _ = try await read(DocumentSource(file), extractor: Broken()) }
            }
        }
    }
}
