import Foundation

/// A relational database, seen through what SQLite (3.40 or later) and PostgreSQL (15 or later) share.
///
/// SQL is written once: `$1` parameters, `RETURNING`, `ON CONFLICT`, and the types `TEXT`, `BIGINT`
/// and `DOUBLE PRECISION`. Times are milliseconds since 1970 in a `BIGINT`, booleans 0 or 1 in a
/// `BIGINT`, JSON a `TEXT`. Nothing above a driver knows which driver it is; the few fragments that
/// differ are members of ``SQLDialect``.
///
/// A parameter takes its type from its value. So one that may be null stands where the statement says
/// its type: in `VALUES`, in a comparison with a column, in `COALESCE` with one; never alone in the
/// list of a `SELECT`.
public protocol Database: Sendable {
    /// Runs `body` in a read-only transaction that sees one consistent state. For statements that find
    /// their rows by an index: a driver may run them on the calling thread, since going to another one
    /// and back takes longer than they do.
    func read<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// The same for statements that go over many rows: never on the calling thread.
    func scan<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// Runs `body` in a read-write transaction: all of it is kept, or nothing of it when it throws. `body`
    /// may be run more than once before that is decided, so it does nothing but use its connection.
    @discardableResult
    func write<T: Sendable>(_ isolation: WriteIsolation, _ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// A write beside which no other process changes the schema.
    func migrate<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// Hears what transactions ``Connection/notify(_:_:)``, once they are committed: those of this process and,
    /// where processes share a server, of the others. `handler` must not block.
    func listen(_ handler: @Sendable @escaping (DatabaseNotice) -> Void)
    /// Removes what was deleted or overwritten from files that hold it for a while longer (a write-ahead log).
    func scrub() async throws
    func close() throws
}

extension Database {
    /// A write whose transactions come out as if they had run one after the other.
    @discardableResult
    public func write<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try await write(.serializable, body)
    }
}

/// What a write may take for granted of the others that run at the same time.
public enum WriteIsolation: Sendable {
    /// The outcome is that of some order of all transactions, one after the other.
    case serializable
    /// Each statement sees what was committed before it. The body locks the rows its decisions rest upon, by
    /// updating them first. Cheaper where many processes write at once.
    case rowLocks
}

/// What a listener is told.
public enum DatabaseNotice: Sendable, Equatable {
    case message(topic: String, payload: String)
    /// The connection was lost for a while: anything may have been said.
    case gap
}

/// One transaction's connection; valid only inside the closure it was handed to.
public protocol Connection {
    var dialect: SQLDialect { get }
    /// On whose behalf the transaction writes, for the audit log; nil for the server itself.
    var actor: AuditActor? { get }
    /// Runs one statement and returns its rows (none for a statement that yields none).
    @discardableResult
    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [Row]
    /// Runs statements separated by semicolons, without parameters (migrations).
    func script(_ sql: String) throws
    /// Tells whoever listens, once the transaction is committed.
    /// - Parameters:
    ///   - topic: without `|`.
    ///   - payload: a few hundred bytes at most.
    func notify(_ topic: String, _ payload: String) throws
}

extension Connection {
    public var actor: AuditActor? { nil }

    @discardableResult
    public func query(_ sql: String, _ parameters: SQLValue...) throws -> [Row] {
        try query(sql, parameters)
    }
}
