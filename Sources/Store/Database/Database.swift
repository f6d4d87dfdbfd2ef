import Foundation

/// A relational database, seen through what SQLite (3.40 or later) and PostgreSQL (15 or later) share.
///
/// SQL is written once: `$1` parameters, `RETURNING`, `ON CONFLICT`, and the types `TEXT`, `BIGINT`
/// and `DOUBLE PRECISION`. Times are milliseconds since 1970 in a `BIGINT`, booleans 0 or 1 in a
/// `BIGINT`, JSON a `TEXT`. Nothing above a driver knows which driver it is.
public protocol Database: Sendable {
    /// Runs `body` in a read-only transaction that sees one consistent state. For statements that find
    /// their rows by an index: a driver may run them on the calling thread, since going to another one
    /// and back takes longer than they do.
    func read<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// The same for statements that go over many rows: never on the calling thread.
    func scan<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// Runs `body` in a read-write transaction: all of it is kept, or nothing of it when it throws.
    @discardableResult
    func write<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T
    /// Removes what was deleted or overwritten from files that hold it for a while longer (a write-ahead log).
    func scrub() async throws
    func close() throws
}

/// One transaction's connection; valid only inside the closure it was handed to.
public protocol Connection {
    /// Runs one statement and returns its rows (none for a statement that yields none).
    @discardableResult
    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [Row]
    /// Runs statements separated by semicolons, without parameters (migrations).
    func script(_ sql: String) throws
}

extension Connection {
    @discardableResult
    public func query(_ sql: String, _ parameters: SQLValue...) throws -> [Row] {
        try query(sql, parameters)
    }
}

/// What a driver reports, so that callers can tell a broken rule from a broken database.
public enum DatabaseError: Error, Sendable, CustomStringConvertible {
    case uniqueViolation(String)
    case foreignKeyViolation(String)
    case checkViolation(String)
    case missingColumn(String)
    case other(String)

    public var description: String {
        switch self {
        case .uniqueViolation(let detail): "unique constraint: \(detail)"
        case .foreignKeyViolation(let detail): "foreign key: \(detail)"
        case .checkViolation(let detail): "check constraint: \(detail)"
        case .missingColumn(let name): "the row has no column \(name)"
        case .other(let detail): detail
        }
    }
}
