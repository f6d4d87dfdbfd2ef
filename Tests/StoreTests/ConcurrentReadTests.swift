import Foundation
import Store
import Testing

@Suite struct ConcurrentReadTests {
    /// Where all threads of the tasks waited for a connection, nobody gave one back: a server of two cores stood still.
    @Test(.timeLimit(.minutes(3))) func readsAndScansOfManyAtOnceAllEnd() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-reads-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let database = try SQLiteDatabase(path: folder.appending(path: "a.sqlite").path)
        defer { try? database.close() }
        let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT COUNT(*) AS n FROM n"
        try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<2000 {
                group.addTask {
                    if index.isMultiple(of: 2) { return try await database.scan { Int(try $0.query(count)[0].int("n")) } }
                    return try await database.read { Int(try $0.query(count)[0].int("n")) }
                }
            }
            for try await found in group { #expect(found == 2000) }
        }
    }
}
