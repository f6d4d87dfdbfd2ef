import Domain
import Foundation
import Knowledge
import Testing

@Suite("Chunking strategies")
struct ChunkingStrategyTests {
    private func chunks(_ text: String, _ format: DocumentFormat, _ strategy: ChunkingStrategy, max: Int = 40, overlap: Int = 8) async throws
        -> [Chunk]
    {
        let settings = ChunkingSettings(strategy: strategy, maxTokens: max, overlapTokens: overlap)
        let chunks = try await Chunker(embedder: HashingEmbedder(), settings: settings)
            .chunk([Document(name: "doc", text: text, format: format)])[0]
        let bytes = Array(text.utf8)
        for chunk in chunks {
            #expect(Array(chunk.text.utf8) == Array(bytes[chunk.startByte..<chunk.endByte]))
            #expect(chunk.tokens <= max && chunk.tokens == HashingEmbedder.tokens(chunk.text))
        }
        #expect(Set(chunks.map(\.id)).count == chunks.count)
        return chunks
    }

    @Test func `fixed windows are full, overlap and pass over headings`() async throws {
        let words = (0..<200).map { "w\($0)" }
        let text = "# Title\n\n" + words[..<90].joined(separator: " ") + "\n\n## Next\n\n" + words[90...].joined(separator: " ")
        let chunks = try await chunks(text, .markdown, .fixed, max: 40, overlap: 8)
        #expect(chunks.dropLast().allSatisfy { $0.tokens == 40 })
        #expect(chunks.contains { $0.text.contains("w89") && $0.text.contains("## Next") && $0.text.contains("w90") })
        for (first, second) in zip(chunks, chunks.dropFirst()) {
            let shared = Set(first.text.split(separator: " ")).intersection(second.text.split(separator: " "))
            #expect(shared.count == 8)
        }
        #expect(words.allSatisfy { word in chunks.contains { $0.text.split(whereSeparator: \.isWhitespace).contains(Substring(word)) } })
        // The structural cut of the same text keeps to its sections.
        #expect(try await self.chunks(text, .markdown, .structural).allSatisfy { !($0.text.contains("w89") && $0.text.contains("w90")) })
    }

    @Test(arguments: ChunkingStrategy.allCases) func `no strategy cuts code or a table that fits`(strategy: ChunkingStrategy) async throws {
        let filler = (0..<33).map { "word\($0)" }.joined(separator: " ")
        let code = "```swift\nfunc first() {\n\n    let a = 1\n    return a\n}\n```"
        let table = "| name | price |\n|---|---|\n| tea | 3 |\n| milk | 2 |"
        let text = "\(filler)\n\n\(code)\n\n\(filler)\n\n\(table)\n"
        let chunks = try await chunks(text, .markdown, strategy)
        #expect(chunks.contains { $0.text.contains(code) })
        if strategy != .rows { #expect(chunks.contains { $0.text.contains(table) }) }
    }

    @Test func `records are chunks of their own and say their header`() async throws {
        let text = "\u{FEFF}question,answer\r\n\"When, exactly?\",\"At nine.\nEvery day.\"\r\nWhere?,\"In the \"\"hall\"\".\"\r\n\r\n"
        let rows = try await chunks(text, .rows(delimiter: .comma), .rows)
        #expect(rows.map(\.text) == ["\"When, exactly?\",\"At nine.\nEvery day.\"", "Where?,\"In the \"\"hall\"\".\""])
        #expect(rows.allSatisfy { $0.headings == ["question | answer"] })
        // The structural cut packs records, whole.
        #expect(try await chunks(text, .rows(delimiter: .comma), .structural).count == 1)
        #expect(try await chunks("name\tprice\ntea\t3\nmilk\t2", .rows(delimiter: .tab), .rows).map(\.text) == ["tea\t3", "milk\t2"])
        #expect(try await chunks("only,header", .rows(delimiter: .comma), .rows).map(\.text) == ["only,header"])
        let many = "n,text\n" + (0..<60).map { "\($0),\"a line of words that are many\"" }.joined(separator: "\n")
        let packed = try await chunks(many, .rows(delimiter: .comma), .structural)
        #expect(packed.count > 5 && packed.allSatisfy { $0.text.hasSuffix("\"") && $0.headings == ["n | text"] })
    }

    @Test func `questions stay with their answers, table rows with their header`() async throws {
        let text =
            "# FAQ\n\nQ: When do you open?\n\nA: At nine.\n\nOn Sundays at ten.\n\n**Q:** Where?\n\nA: Here.\n\n## Prices\n\n| item | price |\n|---|---|\n| tea | 3 |\n| milk | 2 |\n\n- one\n- two"
        let rows = try await chunks(text, .markdown, .rows)
        #expect(
            rows.map(\.text) == [
                "Q: When do you open?\n\nA: At nine.\n\nOn Sundays at ten.", "**Q:** Where?\n\nA: Here.", "| tea | 3 |", "| milk | 2 |", "- one",
                "- two",
            ])
        #expect(rows[2].headings == ["FAQ", "Prices", "| item | price |"])
    }

    @Test func `each part of a long table has its header`() async throws {
        let table =
            "| customer | town | sales |\n|---|---|---|\n" + (0..<60).map { "| Firm \($0) | Place\($0 % 7) | \($0 * 3).5 |" }.joined(separator: "\n")
        let parts = try await chunks("# Sales\n\nOf last year.\n\n\(table)\n\nThat was all.", .markdown, .structural, max: 60, overlap: 8)
        let within = parts.filter { $0.text.hasPrefix("| Firm") }
        #expect(within.count > 3 && within.allSatisfy { $0.headings == ["Sales", "| customer | town | sales |"] })
        #expect(parts.filter { !$0.text.hasPrefix("| Firm") }.allSatisfy { $0.headings == ["Sales"] })
        // A short one is whole, and says its header once.
        let short = try await chunks("# A\n\n| a | b |\n|---|---|\n| 1 | 2 |", .markdown, .structural)
        #expect(short.map(\.headings) == [["A"]] && short[0].text.contains("| a | b |"))
    }

    @Test func `code is cut between declarations, long ones at blank lines`() async throws {
        let short = (0..<6).map { "/// Says \($0).\nfunc small\($0)() {\n    print(\($0))\n\n    print(\"again\")\n}" }
        let long = "func long() {\n" + (0..<12).map { "    let a\($0) = \($0)\n    use(a\($0), twice)\n" }.joined(separator: "\n") + "}"
        let text = "import A\n\n" + short.joined(separator: "\n\n") + "\n\n" + long + "\nfunc after() {}\n"
        let chunks = try await chunks(text, .code(language: "swift"), .structural, max: 30, overlap: 8)
        for declaration in short { #expect(chunks.contains { $0.text.contains(declaration) }, "cut: \(declaration)") }
        let pieces = chunks.filter { $0.text.contains("use(a") }
        #expect(pieces.count > 1 && pieces.allSatisfy { !$0.text.hasSuffix(" = 3") })
        for number in 0..<12 { #expect(pieces.contains { $0.text.contains("let a\(number) = \(number)\n    use(a\(number), twice)") }) }
    }

    @Test func `the strategy is part of a collection, and files bring their format`() async throws {
        try await withTemporaryFolder { folder in
            let sources = folder.appendingPathComponent("in")
            try sources.write("faq.csv", "q,a\nWhen?,Now\nWhere?,Here\n")
            try sources.write("main.swift", "func main() {}\n")
            let directory = folder.appendingPathComponent("v1")
            let summary = try await build([sources], into: directory, settings: .init(strategy: .rows))
            #expect(summary.chunks == 3 && summary.problems.isEmpty)
            #expect(try CollectionIndex.open(directory).documents().map(\.kind) == ["csv", "code"])
            await #expect(throws: KnowledgeError.destinationExists(collection: "v1")) {
                try await build([sources], into: directory, settings: .init(strategy: .fixed))
            }
        }
        #expect(try JSONDecoder().decode(ChunkingSettings.self, from: Data(#"{"strategy":"rows"}"#.utf8)) == ChunkingSettings(strategy: .rows))
    }
}
