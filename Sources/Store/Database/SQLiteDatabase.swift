import Foundation
import GRDB
import Synchronization

/// SQLite through GRDB's `DatabasePool`: WAL, foreign keys on, readers never wait for the writer.
public struct SQLiteDatabase: Database {
    private let pool: DatabasePool
    private let folder: String
    private let reserve: DiskReserve?
    private let notices = SQLiteNotices()
    /// Of what takes longer, a few at once. Serial queues have threads of their own, however few those of the tasks are.
    private let scans = (1...3).map { DispatchQueue(label: "atelier.store.scan-\($0)") }

    /// Opens or creates the file (0600).
    /// - Parameter reserve: what writes that may use it (``DiskReserve/isOffered``) get when the disk is full.
    public init(path: String, reserve: DiskReserve? = nil) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        // Another process (a CLI command beside the server) may hold the write lock for a moment.
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            // With WAL, NORMAL loses at most the last commits on power loss and never corrupts.
            try db.execute(sql: "PRAGMA synchronous = NORMAL")
            // A checkpoint makes one write wait for the disk twice; 16 MiB apart they are rare, and a restart still
            // reads such a log in a moment.
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            // What is deleted is overwritten, not only forgotten.
            try db.execute(sql: "PRAGMA secure_delete = ON")
        }
        if !FileManager.default.fileExists(atPath: path) {
            _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        let folder = URL(filePath: path).deletingLastPathComponent().path
        let open = { [configuration] in try Self.translated(in: folder) { try DatabasePool(path: path, configuration: configuration) } }
        do { pool = try open() } catch DatabaseError.diskFull(let detail) {
            // The log and its index are made anew after every orderly stop.
            guard DiskReserve.isOffered, let reserve else { throw DatabaseError.diskFull(detail) }
            pool = try reserve.lendSynchronously(open)
        }
        self.folder = folder
        self.reserve = reserve
    }

    /// On the calling thread: two changes of thread cost ten times what a read by index does.
    public func read<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try await translated { try readHere(body) }
    }

    /// Beside the calling thread, on one that takes a connection, uses it and gives it back by itself. The pool's own `read` would
    /// give it back on a thread of the tasks: where those all wait for a connection, none ever would.
    public func scan<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try await translated {
            try await withCheckedThrowingContinuation { continuation in
                scans.randomElement()!.async { continuation.resume(with: Result { try readHere(body) }) }
            }
        }
    }

    /// In a function that is not async the pool's own `read` is the one that stays on its thread.
    private func readHere<T>(_ body: (any Connection) throws -> T) throws -> T {
        try pool.read { try body(SQLiteConnection(db: $0)) }
    }

    @discardableResult
    public func write<T: Sendable>(_ isolation: WriteIsolation, _ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        do { return try await commit(body) } catch DatabaseError.diskFull(let detail) {
            guard DiskReserve.isOffered, let reserve else { throw DatabaseError.diskFull(detail) }
            var value: T?
            do {
                try await reserve.lend {
                    // The log is what has grown, also by a transaction that did not fit: without it as much is free as before.
                    do { if value == nil { value = try await commit(body) } } catch DatabaseError.diskFull(let detail) {
                        try? await foldLog()
                        throw DatabaseError.diskFull(detail)
                    }
                    try await foldLog()
                }
            } catch DatabaseError.diskFull(let detail) {
                guard value != nil else { throw DatabaseError.diskFull(detail) }
            }
            return value!
        }
    }

    private func commit<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        // `BEGIN IMMEDIATE`: one writer at a time, whatever is asked for.
        let (value, said) = try await translated {
            try await pool.write { db in
                let outbox = SQLiteOutbox()
                return (try body(SQLiteConnection(db: db, outbox: outbox)), outbox.notices)
            }
        }
        if !said.isEmpty { notices.tell(said) }
        return value
    }

    @discardableResult
    public func migrate<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T { try await write(body) }

    /// Within this process: another one that uses the file is not heard.
    public func listen(_ handler: @Sendable @escaping (DatabaseNotice) -> Void) { notices.handler.withLock { $0 = handler } }

    /// The log still holds the pages as they were before: it is copied into the database and cut to nothing. Where a full disk
    /// has no room even for that, the next one to scrub, or to close, does it: the deletion it belongs to has been made.
    public func scrub() async throws {
        do { try await foldLog() } catch DatabaseError.diskFull {
            guard DiskReserve.isOffered, let reserve else { return }
            do { try await reserve.lend { try await foldLog() } } catch DatabaseError.diskFull {}
        }
    }

    private func foldLog() async throws {
        try await translated {
            do { try await pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) } } catch let error as GRDB.DatabaseError
                where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED
            {
                // Somebody reads a state from before; the next one to scrub, or to close, finds it done.
            }
        }
    }

    /// Leaves all rows in the database's own file, as far as no other process reads an earlier state and the disk has room.
    public func close() throws {
        let fold = { [pool, folder] in
            try Self.translated(in: folder) {
                try pool.writeWithoutTransaction { db in
                    try db.execute(sql: "PRAGMA busy_timeout = 1000")
                    _ = try db.checkpoint(.truncate)
                }
            }
        }
        // What is left is folded by the next to open it.
        do { try fold() } catch DatabaseError.diskFull { try? reserve?.lendSynchronously(fold) } catch {}
        try pool.close()
    }

    private func translated<T>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch let error as GRDB.DatabaseError { throw Self.translation(of: error, folder) }
    }

    private static func translated<T>(in folder: String, _ body: () throws -> T) throws -> T {
        do { return try body() } catch let error as GRDB.DatabaseError { throw translation(of: error, folder) }
    }

    private static func translation(of error: GRDB.DatabaseError, _ folder: String) -> DatabaseError {
        let detail = error.message ?? error.resultCode.description
        switch error.extendedResultCode {
        case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY: return .uniqueViolation(detail)
        case .SQLITE_CONSTRAINT_FOREIGNKEY: return .foreignKeyViolation(detail)
        case .SQLITE_CONSTRAINT_CHECK: return .checkViolation(detail)
        case .SQLITE_BUSY, .SQLITE_BUSY_SNAPSHOT: return .unavailable("another process has been writing for 10 s")
        default: break
        }
        switch error.resultCode {
        case .SQLITE_FULL: return .diskFull(detail)
        // What SQLite says of a quota, of a limit of a file's size, and of its side files on a full disk.
        case .SQLITE_IOERR where DiskSpace.isExhausted(in: folder), .SQLITE_CANTOPEN where DiskSpace.isExhausted(in: folder):
            return .diskFull(detail)
        // Never the statement's arguments: they may hold user text.
        default: return .other("SQLite \(error.resultCode.rawValue): \(detail)")
        }
    }
}

private final class SQLiteNotices: Sendable {
    let handler = Mutex<(@Sendable (DatabaseNotice) -> Void)?>(nil)

    func tell(_ notices: [DatabaseNotice]) {
        guard let handler = handler.withLock({ $0 }) else { return }
        for notice in notices { handler(notice) }
    }
}

/// What a transaction wants told when it is committed.
private final class SQLiteOutbox {
    var notices: [DatabaseNotice] = []
}

private struct SQLiteConnection: Connection {
    let db: GRDB.Database
    /// Nil in a transaction that only reads.
    var outbox: SQLiteOutbox?

    var dialect: SQLDialect { .sqlite }

    func notify(_ topic: String, _ payload: String) throws { outbox?.notices.append(.message(topic: topic, payload: payload)) }

    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [Row] {
        // `$1` is a name to SQLite and a number to PostgreSQL; `?1` is SQLite's number.
        // Byte by byte: Foundation's replacement took longer than many a statement.
        let text = String(decoding: sql.utf8.map { $0 == UInt8(ascii: "$") ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
        let statement = try db.cachedStatement(sql: text)
        let rows = try GRDB.Row.fetchAll(statement, arguments: StatementArguments(parameters.map(\.databaseValue)))
        return rows.map { row in
            Row(Dictionary(row.map { ($0.0, SQLValue($0.1)) }, uniquingKeysWith: { first, _ in first }))
        }
    }

    func script(_ sql: String) throws { try db.execute(sql: sql) }
}

extension SQLValue {
    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let value): value.databaseValue
        case .real(let value): value.databaseValue
        case .text(let value): value.databaseValue
        }
    }

    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let int): self = .integer(int)
        case .double(let double): self = .real(double)
        case .string(let string): self = .text(string)
        case .blob(let data): self = .text(String(decoding: data, as: UTF8.self))
        }
    }
}
