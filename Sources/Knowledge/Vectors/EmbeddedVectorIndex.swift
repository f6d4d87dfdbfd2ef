import Domain
import Foundation
import GRDB
import Synchronization

/// Vectors in a folder of their own: a database of ids and facts, and the vector files, scanned exactly.
///
/// The files are written and flushed before the database counts their rows, so that a crash leaves nothing
/// torn. Rows of deleted entries are overwritten with zeros and never looked at again. One process at a
/// time.
public final class EmbeddedVectorIndex: VectorIndex {
    private let folder: URL
    private let dimension: Int
    private let queue: DatabaseQueue
    private let lock: BuildLock
    private let writer: VectorWriter
    private let vectors: GrowingVectors
    /// Rows that hold an entry, nil after a change until a query asks; and how many changes there were.
    private let live = Mutex<(rows: [Range<Int>]?, change: Int)>((nil, 0))
    private let destroyed = Mutex(false)
    /// Changes that are being made or wait for it.
    private let changes = Atomic(0)
    private static let fewIDs = 100

    /// Opens or creates it.
    ///
    /// - Throws: `KnowledgeError.buildBusy` while another process has it open; `.vectorsInvalid` if it
    ///   holds vectors of another dimension.
    public init(_ folder: URL, dimension: Int) throws {
        self.folder = folder
        self.dimension = dimension
        try Durable.createPrivateFolder(folder)
        lock = try BuildLock(folder, collection: folder.lastPathComponent)
        let file = folder.appendingPathComponent("entries.sqlite")
        try Durable.createPrivateFile(file)
        queue = try DatabaseQueue(path: file.path)
        let rows = try queue.write { db in
            try Self.createSchema(db)
            let known = try Int.fetchOne(db, sql: "SELECT dimension FROM shape")
            guard known == nil || known == dimension else {
                throw KnowledgeError.vectorsInvalid(reason: "\(folder.lastPathComponent) holds vectors of \(known!) dimensions, not \(dimension)")
            }
            try db.execute(sql: "INSERT OR IGNORE INTO shape (one, dimension, rows) VALUES (1, ?, 0)", arguments: [dimension])
            return try Int.fetchOne(db, sql: "SELECT rows FROM shape")!
        }
        let (writer, kept) = try VectorWriter.open(folder, dimension: dimension, rows: rows)
        guard kept == rows, let vectors = GrowingVectors(folder, dimension: dimension) else {
            throw KnowledgeError.indexDamaged(collection: folder.lastPathComponent, reason: "\(rows) vectors were written, \(kept) are there")
        }
        self.writer = writer
        self.vectors = vectors
        // A crash may have come between a deletion and its zeros.
        let used = try queue.read { try Self.ranges($0, nil) }
        try writer.erase(zip([0] + used.map(\.upperBound), used.map(\.lowerBound) + [rows]).map { $0..<$1 }.filter { !$0.isEmpty })
        live.withLock { $0.rows = used }
    }

    deinit {
        writer.close()
        try? queue.close()
    }

    public func add(_ entries: [VectorEntry]) async throws {
        try checkExists()
        guard !entries.isEmpty else { return }
        for entry in entries where entry.vector.count != dimension {
            throw KnowledgeError.vectorsInvalid(reason: "the vector of \(entry.id) has \(entry.vector.count) dimensions, the index \(dimension)")
        }
        let replaced = try await change { [self] db in
            let first = try Int.fetchOne(db, sql: "SELECT rows FROM shape")!
            // The last one of an id counts.
            var last: [String: Int] = [:]
            for (index, entry) in entries.enumerated() { last[entry.id] = index }
            let kept = last.count == entries.count ? entries : entries.enumerated().filter { last[$0.element.id] == $0.offset }.map(\.element)
            var values: [Float] = []
            values.reserveCapacity(kept.count * dimension)
            for entry in kept { values += entry.vector }
            // Beside the database, which may not count the rows before they are on the disk.
            let writing = BesideTask { [writer, values] in try writer.write(values, at: first) }
            defer { writing.wait() }
            let replaced = try Self.delete(
                db, "id IN (SELECT value FROM json_each(?))", [ChunkDatabase.json(kept.map(\.id))])
            let insert = try db.cachedStatement(sql: "INSERT INTO entries (number, id, name, tags, date, kind) VALUES (?, ?, ?, ?, ?, ?)")
            for (index, entry) in kept.enumerated() {
                let tags = entry.tags.isEmpty ? "[]" : try ChunkDatabase.json(entry.tags)
                try insert.execute(arguments: [first + index + 1, entry.id, entry.document, tags, entry.date?.description, entry.kind])
            }
            try writing.finish()
            try db.execute(sql: "UPDATE shape SET rows = ?", arguments: [first + kept.count])
            return replaced
        }
        try writer.erase(replaced)
    }

    public func query(_ vector: [Float], limit: Int, filter: DocumentFilter?) async throws -> [VectorHit] {
        try checkExists()
        guard vector.count == dimension else {
            throw KnowledgeError.vectorsInvalid(reason: "the query has \(vector.count) dimensions, the index \(dimension)")
        }
        let rows = try await rows(filter?.isEmpty == true ? nil : filter)
        guard limit > 0, let end = rows.last?.upperBound else { return [] }
        let found = await VectorScan(vectors: try vectors.rows(end)).search(vector, limit: limit, rows: rows)
        let ids = try await ids(of: found)
        // An entry that was deleted since the scan began has no id any more.
        return zip(ids, found).compactMap { id, chunk in id.map { VectorHit(id: $0, score: chunk.score) } }
    }

    /// A few ids are read in less time than it takes to wake another thread, so they are read on this one, unless it would wait for a
    /// change to be made.
    private func ids(of found: [RankedChunk]) async throws -> [String?] {
        let read: @Sendable (Database) throws -> [String?] = { db in
            let statement = try db.cachedStatement(sql: "SELECT id FROM entries WHERE number = ?")
            return try found.map { try String.fetchOne(statement, arguments: [$0.number]) }
        }
        if found.count <= Self.fewIDs, changes.load(ordering: .relaxed) == 0 { return try readHere(read) }
        return try await queue.read(read)
    }

    private func readHere<Value>(_ read: (Database) throws -> Value) throws -> Value { try queue.read(read) }

    private func change<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        changes.add(1, ordering: .relaxed)
        defer { changes.subtract(1, ordering: .relaxed) }
        let result = try await queue.write(body)
        live.withLock { $0 = (nil, $0.change + 1) }
        return result
    }

    public func delete(ids: [String]) async throws {
        try await delete("id IN (SELECT value FROM json_each(?))", [ChunkDatabase.json(ids)])
    }

    public func delete(matching filter: DocumentFilter) async throws {
        let condition = try FilterSQL(filter)
        try await delete("number IN (SELECT number FROM entries d WHERE \(condition.sql))", condition.arguments)
    }

    public func count() async throws -> Int {
        try await queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM entries")! }
    }

    /// The files stay open until the value is let go of; queries that run at this moment end as they would.
    public func destroy() async throws {
        destroyed.withLock { $0 = true }
        try FileManager.default.removeItem(at: folder)
        try Durable.synchronise(folder.deletingLastPathComponent())
    }

    private func checkExists() throws {
        guard destroyed.withLock({ !$0 }) else {
            throw KnowledgeError.indexDamaged(collection: folder.lastPathComponent, reason: "it was deleted")
        }
    }

    private func delete(_ condition: String, _ arguments: StatementArguments) async throws {
        try checkExists()
        let rows = try await change { try Self.delete($0, condition, arguments) }
        try writer.erase(rows)
    }

    /// - Returns: the rows that are free now.
    private static func delete(_ db: Database, _ condition: String, _ arguments: StatementArguments) throws -> [Range<Int>] {
        try Int.fetchAll(db, sql: "DELETE FROM entries WHERE \(condition) RETURNING number - 1", arguments: arguments).map { $0..<$0 + 1 }
    }

    private func rows(_ filter: DocumentFilter?) async throws -> [Range<Int>] {
        let known = live.withLock { $0 }
        if filter == nil, let rows = known.rows { return rows }
        let rows = try await queue.read { try Self.ranges($0, filter) }
        // Those of before a change that came meanwhile would hide what it added.
        if filter == nil { live.withLock { if $0.change == known.change { $0.rows = rows } } }
        return rows
    }

    private static func ranges(_ db: Database, _ filter: DocumentFilter?) throws -> [Range<Int>] {
        let condition = try FilterSQL(filter ?? .init())
        let numbers = try Int.fetchCursor(
            db, sql: "SELECT number - 1 FROM entries d WHERE \(condition.sql) ORDER BY number", arguments: condition.arguments)
        var ranges: [Range<Int>] = []
        while let row = try numbers.next() {
            if let last = ranges.last, last.upperBound == row {
                ranges[ranges.count - 1] = last.lowerBound..<row + 1
            } else {
                ranges.append(row..<row + 1)
            }
        }
        return ranges
    }

    private static func createSchema(_ db: Database) throws {
        try db.execute(
            sql: """
                -- Zeros in the place of what is deleted.
                PRAGMA secure_delete = ON;
                CREATE TABLE IF NOT EXISTS shape (one INTEGER PRIMARY KEY CHECK (one = 1), dimension INTEGER NOT NULL, rows INTEGER NOT NULL);
                CREATE TABLE IF NOT EXISTS entries (
                    number INTEGER PRIMARY KEY,
                    id TEXT NOT NULL UNIQUE,
                    name TEXT NOT NULL,
                    tags TEXT NOT NULL,
                    date TEXT,
                    kind TEXT NOT NULL
                );
                """)
    }
}
