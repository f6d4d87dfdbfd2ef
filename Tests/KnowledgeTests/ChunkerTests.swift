import Foundation
import Knowledge
import TestSupport
import Testing

@Suite("Chunking")
struct ChunkerTests {
    private func chunks(
        _ text: String, format: DocumentFormat = .markdown, max: Int = 40, overlap: Int = 8, name: String = "doc.md"
    ) async throws -> [Chunk] {
        let chunker = Chunker(embedder: HashingEmbedder(), settings: ChunkingSettings(maxTokens: max, overlapTokens: overlap))
        return try await chunker.chunk([Document(name: name, text: text, format: format)])[0]
    }

    /// Whatever the input: ranges give back the text, no chunk is over the limit, ids differ, and every
    /// word of the document is in some chunk.
    private func checkInvariants(_ text: String, _ chunks: [Chunk], max: Int) {
        let bytes = Array(text.utf8)
        var covered = [Bool](repeating: false, count: bytes.count)
        for chunk in chunks {
            #expect(Array(chunk.text.utf8) == Array(bytes[chunk.startByte..<chunk.endByte]))
            #expect(chunk.tokens <= max)
            #expect(chunk.tokens == HashingEmbedder.tokens(chunk.text))
            for index in chunk.startByte..<chunk.endByte { covered[index] = true }
        }
        #expect(Set(chunks.map(\.id)).count == chunks.count)
        let lost = bytes.indices.filter { !covered[$0] && (bytes[$0] > 0x7F || isalnum(Int32(bytes[$0])) != 0) }
        // Heading lines live in the paths; a byte-order mark is no text.
        for line in text.utf8.split(separator: 0x0A) where !line.isEmpty {
            let start = text.utf8.distance(from: text.utf8.startIndex, to: line.startIndex)
            let string = String(Substring(line)).trimmingCharacters(in: CharacterSet(charactersIn: " \r\u{FEFF}"))
            let heading = string.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
            if chunks.contains(where: { $0.headings.contains(heading) }) { continue }
            #expect(!lost.contains { $0 >= start + 3 && $0 < start + line.count }, "lost: \(string)")
        }
    }

    @Test func `headings open sections and travel with their text`() async throws {
        let text = "Before.\n\n# Guide\n\nIntro.\n\n## Setup\n\nOne.\n\n### Linux\n\nTwo.\n\n## Use\n\nThree.\n\n## Empty\n"
        let chunks = try await chunks(text)
        #expect(chunks.map(\.headings) == [[], ["Guide"], ["Guide", "Setup"], ["Guide", "Setup", "Linux"], ["Guide", "Use"], ["Guide", "Empty"]])
        #expect(chunks.map(\.text) == ["Before.", "Intro.", "One.", "Two.", "Three.", "## Empty"])
        #expect(chunks.allSatisfy { $0.title == "Guide" && $0.document == "doc.md" })
        checkInvariants(text, chunks, max: 40)
    }

    @Test func `tables and code that fit are never cut`() async throws {
        let filler = "Some words that fill the chunk up to a point. And a few more of them here.\n\n"
        let table = "| name | price |\n|------|-------|\n" + (1...6).map { "| item\($0) | \($0)0 |" }.joined(separator: "\n")
        let code = "```swift\nfunc first() {\n\n    let a = 1 // # not a heading\n}\n```"
        let list = "- one item\n  with a second line\n- two\n\n  still two\n- three"
        let text = "# T\n\n" + [table, code, list].map { filler + $0 + "\n\n" }.joined()
        let chunks = try await chunks(text)
        for whole in [table, code, list] { #expect(chunks.contains { $0.text.contains(whole) }, "cut: \(whole)") }
        #expect(chunks.count > 1)
        checkInvariants(text, chunks, max: 40)
    }

    @Test func `what does not fit is cut at rows, lines, items and sentences`() async throws {
        let rows = (1...40).map { "| item\($0) | price \($0) |" }
        let table = "| name | price |\n|---|---|\n" + rows.joined(separator: "\n")
        let tableChunks = try await chunks(table)
        #expect(rows.allSatisfy { row in tableChunks.contains { $0.text.contains(row) } })
        checkInvariants(table, tableChunks, max: 40)

        let code = "~~~\n" + (1...60).map { "    call number\($0)()" }.joined(separator: "\n") + "\n~~~"
        let codeChunks = try await chunks(code)
        #expect(
            (1...60).allSatisfy { n in codeChunks.contains { $0.text.contains("    call number\(n)()") || $0.text.hasPrefix("call number\(n)()") } })
        checkInvariants(code, codeChunks, max: 40)

        let prose = (1...30).map { "Sentence number \($0) has these seven words." }.joined(separator: " ")
        let proseChunks = try await chunks(prose)
        #expect(proseChunks.allSatisfy { $0.text.hasPrefix("Sentence") && $0.text.hasSuffix("words.") })
        checkInvariants(prose, proseChunks, max: 40)
    }

    @Test func `neighbours in a section overlap by whole sentences within bounds`() async throws {
        let text = (1...30).map { "Sentence number \($0) has these seven words." }.joined(separator: " ")
        let with = try await chunks(text, overlap: 10)
        for (first, second) in zip(with, with.dropFirst()) {
            #expect(second.startByte < first.endByte)
            #expect(HashingEmbedder.tokens(String(decoding: Array(text.utf8)[second.startByte..<first.endByte], as: UTF8.self)) <= 10)
        }
        let without = try await chunks(text, overlap: 0)
        for (first, second) in zip(without, without.dropFirst()) { #expect(second.startByte > first.endByte) }
    }

    @Test func `a sentence over the limit is cut at spaces, a word between characters`() async throws {
        let long = (1...300).map { "word\($0)" }.joined(separator: " ")
        let words = try await chunks(long)
        #expect(words.count >= 8 && words.allSatisfy { $0.text.hasPrefix("word") })
        checkInvariants(long, words, max: 40)
        let emoji = String(repeating: "👩‍🚀字é", count: 400)
        checkInvariants(emoji, try await chunks(emoji), max: 40)
        let cjk = String(repeating: "これは文です。次の文！", count: 80)
        let sentences = try await chunks(cjk)
        #expect(sentences.allSatisfy { $0.text.hasSuffix("。") || $0.text.hasSuffix("！") })
        checkInvariants(cjk, sentences, max: 40)
    }

    @Test func `byte-order mark and CRLF stay in the ranges`() async throws {
        let text = "\u{FEFF}# Título\r\n\r\nPrimera línea.\r\nSegunda.\r\n\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |\r\n"
        let chunks = try await chunks(text)
        #expect(chunks.map(\.headings) == [["Título"]])
        #expect(chunks[0].text == "Primera línea.\r\nSegunda.\r\n\r\n| a | b |\r\n|---|---|\r\n| 1 | 2 |")
        checkInvariants(text, chunks, max: 40)
    }

    @Test func `plain text knows paragraphs only`() async throws {
        let text = "# no heading\n\n- no list\n\nA paragraph."
        let chunks = try await chunks(text, format: .plain, name: "a.txt")
        #expect(chunks.map(\.text) == [text])
        #expect(chunks[0].headings.isEmpty && chunks[0].title == "a")
    }

    @Test func `the same text twice is two chunks, and ids survive insertions`() async throws {
        let text = "# A\n\nSame words.\n\n# B\n\nOther.\n\n# A\n\nSame words.\n"
        let before = try await chunks(text)
        #expect(before.map(\.text) == ["Same words.", "Other.", "Same words."])
        #expect(Set(before.map(\.id)).count == 3)
        let after = try await chunks("# New\n\nInserted.\n\n" + text)
        #expect(Array(after.dropFirst()).map(\.id) == before.map(\.id))
        #expect(try await chunks(text, name: "other.md").map(\.id) != before.map(\.id))
    }

    @Test func `room is left for title and headings in the embedder's input`() async throws {
        var embedder = HashingEmbedder()
        embedder.identity.maxTokens = 64
        let heading = (1...30).map { "head\($0)" }.joined(separator: " ")
        let text = "# \(heading)\n\n" + (1...200).map { "word\($0)" }.joined(separator: " ")
        let chunks = try await Chunker(embedder: embedder, settings: .init(maxTokens: 320, overlapTokens: 0))
            .chunk([Document(name: "a.md", text: text, format: .markdown)])[0]
        #expect(chunks.allSatisfy { $0.tokens + 30 + 8 <= 64 })
    }

    @Test(arguments: 0..<60) func `any document keeps the invariants`(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let pieces = [
            "# Heading \(seed)\n", "## Sub\n\n", "Title\n---\n", "Prose with words. And more!\n", "\n", "\n\n", "- item one\n", "  - nested\n",
            "1. first\n", "```\ncode here\n", "```\n", "| a | b |\n|---|---|\n| c | d |\n", "    indented code\n", "***\n", "ünï ¢ødé 字。\r\n",
            "> quote\n", String(repeating: "long ", count: 60) + "\n", "---\nkey: value\n---\n", "a|b\n", "\t\n",
        ]
        let text = (0..<30).map { _ in pieces.randomElement(using: &random)! }.joined()
        let chunks = try await chunks(text, max: 24, overlap: 6)
        let bytes = Array(text.utf8)
        for chunk in chunks {
            #expect(Array(chunk.text.utf8) == Array(bytes[chunk.startByte..<chunk.endByte]))
            #expect(chunk.tokens <= 24 && chunk.tokens > 0)
        }
        #expect(Set(chunks.map(\.id)).count == chunks.count)
        for word in ["Prose", "item", "nested", "code", "indented", "ünï", "quote", "long"] where text.contains(word) {
            #expect(chunks.contains { $0.text.contains(word) || $0.headings.contains { $0.contains(word) } }, "lost \(word)")
        }
    }
}
