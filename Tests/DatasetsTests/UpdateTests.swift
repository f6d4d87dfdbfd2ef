import Datasets
import Foundation
import Testing

@Suite("Updates of datasets")
struct UpdateTests {
    private func rows(_ names: String...) -> String {
        names.map { "{\"question\":\"\($0)?\",\"answer\":\"\($0).\"}\n" }.joined()
    }

    private func questions(_ url: URL) throws -> [String] {
        try DatasetReader(url).examples().map { String($0.messages[0].content!.dropLast()) }
    }

    private func update(_ base: String, _ change: (DatasetReader) -> DatasetUpdate, _ with: String) throws -> (DatasetUpdate.Outcome, [String]) {
        try withFolder { folder in
            let target = folder.appendingPathComponent("new")
            let outcome = try change(DatasetReader(folder.file("change", with))).apply(to: DatasetReader(folder.file("base", base)), writing: target)
            let report = try DatasetReader(target).validate()
            #expect(report.sha256 == outcome.sha256 && report.bytes == outcome.bytes && report.examples == outcome.examples)
            return (outcome, try questions(target))
        }
    }

    @Test func `append takes all`() throws {
        let (outcome, names) = try update(rows("a", "b"), { .append($0) }, rows("b", "c"))
        #expect(names == ["a", "b", "b", "c"] && outcome.kept == 2 && outcome.added == 2)
    }

    @Test func `replace takes the change alone`() throws {
        let (outcome, names) = try update(rows("a", "b"), { .replace($0) }, rows("b", "c", "d"))
        #expect(names == ["b", "c", "d"] && outcome.removed == 2 && outcome.added == 3 && outcome.kept == 0)
    }

    @Test func `merge keeps the order, adds what is new, and counts what is the same`() throws {
        let (outcome, names) = try update(rows("c", "a", "c"), { .merge($0) }, rows("b", "a", "d", "b"))
        #expect(names == ["c", "a", "c", "b", "d"])
        #expect(outcome.kept == 3 && outcome.added == 2 && outcome.same == 2 && outcome.removed == 0)
    }

    @Test func `merge sees through formats and spelling`() throws {
        let chat = #"{"messages": [{"content": "a?", "role": "user"}, {"role": "assistant", "content": "\u0061."}], "id": 5}"#
        let (outcome, _) = try update(rows("a"), { .merge($0) }, chat)
        #expect(outcome.same == 1 && outcome.added == 0)
    }

    @Test func `merging twice changes nothing`() throws {
        try withFolder { folder in
            let base = try folder.file("base", rows("a", "b"))
            let change = try DatasetReader(folder.file("change", rows("b", "c")))
            let first = try DatasetUpdate.merge(change).apply(to: DatasetReader(base), writing: base)
            let second = try DatasetUpdate.merge(change).apply(to: DatasetReader(base), writing: base)
            #expect(first.sha256 == second.sha256 && second.added == 0 && second.same == 2)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["base", "change"])
        }
    }

    @Test func `remove takes out by id, also all`() throws {
        try withFolder { folder in
            let base = try folder.file("base", rows("a", "b", "a", "c"))
            let ids = try DatasetReader(base).examples().map(\.id)
            #expect(ids[0] == ids[2] && Set(ids).count == 3 && ids.allSatisfy { $0.count == 64 })
            let outcome = try DatasetUpdate.remove(ids: [ids[0], "unknown"]).apply(to: DatasetReader(base), writing: base)
            #expect(outcome.removed == 2 && outcome.kept == 2)
            #expect(try questions(base) == ["b", "c"])
            let empty = try DatasetUpdate.remove(ids: Set(ids)).apply(to: DatasetReader(base), writing: base)
            #expect(empty.examples == 0 && empty.bytes == 0)
            // Of nothing something can be made again.
            let filled = try DatasetUpdate.append(DatasetReader(folder.file("more", rows("z")))).apply(to: DatasetReader(base), writing: base)
            #expect(filled.examples == 1)
        }
    }

    @Test func `a change with problems changes nothing`() throws {
        try withFolder { folder in
            let base = try folder.file("base", rows("a"))
            let change = try DatasetReader(folder.file("change", rows("b") + "{\"question\":1}\n"))
            for update in [DatasetUpdate.append(change), .replace(change), .merge(change)] {
                let thrown = #expect(throws: DatasetInvalid.self) { try update.apply(to: DatasetReader(base), writing: base) }
                #expect(thrown?.report.problems.first?.line == 2)
            }
            #expect(try questions(base) == ["a"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["base", "change"])
        }
    }

    @Test func `a cancelled task stops`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("datasets-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = try folder.file("a", String(repeating: good + "\n", count: 20_000))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try DatasetReader(file).validate()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
