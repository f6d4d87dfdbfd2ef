import Domain
import Foundation
import Knowledge
import Testing

@Suite("Filters")
struct FilterTests {
    private struct Entry {
        var name: String
        var tags: [String]
        var date: String?
        var kind: String
    }

    private static let entries: [Entry] = (0..<90).map { number in
        Entry(
            name: "d\(number)", tags: ["red", "green", "blue"].enumerated().filter { (number >> $0.offset) & 1 == 1 }.map(\.element),
            date: number % 4 == 0 ? nil : "20\(20 + number % 5)-0\(1 + number % 9)-1\(number % 10)", kind: ["pdf", "html", "note"][number % 3])
    }

    private static let filters: [DocumentFilter] = [
        .init(documents: ["d3", "d40", "d41", "missing"]), .init(documents: []), .init(tagsAny: ["red"]), .init(tagsAny: ["red", "blue"]),
        .init(tagsAll: ["red", "blue"]), .init(tagsAll: ["red", "unknown"]), .init(from: .init("2022-01-01")), .init(to: .init("2021-05-15")),
        .init(from: .init("2021-03-12"), to: .init("2023-07-01")), .init(kinds: ["pdf", "note"]),
        .init(tagsAny: ["green"], tagsAll: ["red"], from: .init("2021-01-01"), kinds: ["html"]),
        .init(tagsAny: ["it's; DROP TABLE documents --", "\"", "%"]),
    ]

    private func withIndex(_ body: (CollectionIndex) async throws -> Void) async throws {
        try await withTemporaryFolder { folder in
            let texts = corpus(documents: Self.entries.count, sentences: 6).split(separator: "\n")
            let lines = try zip(texts, Self.entries).map { text, entry in
                var object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
                object["tags"] = entry.tags
                object["date"] = entry.date
                object["kind"] = entry.kind
                return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
            }
            let source = try folder.write("corpus.jsonl", lines.joined(separator: "\n"))
            let directory = folder.appendingPathComponent("v1")
            let summary = try await build([source], into: directory, settings: .init(maxTokens: 20, overlapTokens: 0))
            #expect(summary.problems.isEmpty && summary.chunks > 200)
            try await body(CollectionIndex.open(directory))
        }
    }

    @Test func `both halves search exactly what the filter lets through`() async throws {
        try await withIndex { index in
            for filter in Self.filters {
                let names = Set(
                    Self.entries.filter { filter.matches(name: $0.name, tags: $0.tags, date: $0.date.flatMap(CalendarDate.init), kind: $0.kind) }.map(
                        \.name))
                #expect(try Set(index.documents(limit: 1000, filter: filter).map(\.name)) == names)
                for strategy in [SearchStrategy.dense, .lexical] {
                    func search(_ filter: DocumentFilter?, k: Int) async throws -> SearchReply {
                        try await index.search(
                            "river stone garden note", embedder: HashingEmbedder(), options: .init(k: k, strategy: strategy, filter: filter))
                    }
                    // Brute force: everything in order, then only what matches.
                    let all = try await search(nil, k: 100_000).passages
                    let expected = all.filter { names.contains($0.document) }.prefix(12)
                    let reply = try await search(filter, k: 12)
                    #expect(reply.passages.map(\.chunkID) == expected.map(\.chunkID), "\(strategy) \(filter)")
                    #expect(reply.passages.map { $0.signals[0].score } == expected.map { $0.signals[0].score })
                    #expect(reply.documentsSearched == names.count && reply.chunksTotal == index.summary.chunks)
                    if reply.documentsSearched < Self.entries.count { #expect(reply.chunksSearched < index.summary.chunks) }
                }
            }
        }
    }

    @Test func `documents say their tags, date, kind and pages, and chunks their page`() async throws {
        try await withTemporaryFolder { folder in
            let pages = ["river", "stone", "lamp"].map { "This page tells in a good many words what there is to know about every \($0)." }
            let offsets = [0, pages[0].utf8.count, pages[0].utf8.count + pages[1].utf8.count]
            let line =
                "{\"_id\":\"book\",\"text\":\"\(pages.joined(separator: "\\n\\n"))\",\"pages\":[0,\(offsets[1] + 2),\(offsets[2] + 4)],\"date\":\"2024-02-29T10:00:00Z\",\"kind\":\"pdf\"}"
            let source = try folder.write("corpus.jsonl", line)
            let directory = folder.appendingPathComponent("v1")
            let builder = CollectionBuilder(embedder: HashingEmbedder(), extractor: nil, settings: .init(maxTokens: 16, overlapTokens: 0))
            _ = try await builder.build(
                sources: [DocumentSource(source, tags: ["shelf"], date: CalendarDate("1999-01-01"))], into: directory
            ) { _ in }
            let index = try CollectionIndex.open(directory)
            let book = try #require(try index.documents().first)
            #expect(book.tags == ["shelf"] && book.date == CalendarDate("2024-02-29") && book.kind == "pdf" && book.pages == 3)
            for (word, page) in [("river", 1), ("stone", 2), ("lamp", 3)] {
                let reply = try await index.search(word, embedder: HashingEmbedder(), options: .init(k: 1, strategy: .lexical))
                #expect(reply.passages.first?.page == page)
            }
        }
    }

    @Test func `a wrong optional field is told and the document kept`() async throws {
        try await withTemporaryFolder { folder in
            let source = try folder.write(
                "c.jsonl",
                [
                    "\"date\":\"March 2020\"", "\"tags\":\"red\"", "\"pages\":[0,900]", "\"pages\":[3,1]", "\"kind\":7", "\"format\":\"word\"",
                    "\"date\":\"2023-02-30\"",
                ]
                .enumerated().map { "{\"_id\":\"\($0.offset)\",\"text\":\"some text\",\($0.element)}" }.joined(separator: "\n"))
            let summary = try await build([source], into: folder.appendingPathComponent("v1"))
            #expect(summary.documents == 7 && summary.problems.count == 7)
            #expect(summary.problems.allSatisfy { $0.code == "invalid_field" && $0.hint.contains("2026-03-01") })
            #expect(summary.problems[0].name == "c.jsonl:1" && summary.problems[0].message.contains("date"))
        }
    }
}
