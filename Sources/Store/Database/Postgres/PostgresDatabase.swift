import Foundation
import Synchronization

/// PostgreSQL through libpq: a pool of connections, each waited for on a thread of its own.
///
/// Reads are `REPEATABLE READ READ ONLY`, writes `SERIALIZABLE` or, where they say that they lock their rows,
/// `READ COMMITTED`; a transaction that met another one is run again. A connection that was lost is made anew,
/// and what surely was not kept is run again, for ``patience`` at most.
public final class PostgresDatabase: Database {
    /// How long a transaction is tried again: while the server restarts, or while others come first.
    static let patience: TimeInterval = 10

    private let address: PostgresAddress
    private let pool: PostgresPool
    private let schema = Mutex<String?>(nil)
    private let listener = Mutex<PostgresListener?>(nil)

    /// - Parameter connections: how many transactions may run at once. Listening takes one more.
    public init(_ address: PostgresAddress, connections: Int = 10) {
        self.address = address
        pool = PostgresPool(address, size: connections)
    }

    public func read<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try await run(.init(begin: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", isReadOnly: true), body)
    }

    public func scan<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T { try await read(body) }

    @discardableResult
    public func write<T: Sendable>(_ isolation: WriteIsolation, _ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        let level =
            switch isolation {
            case .serializable: "SERIALIZABLE"
            case .rowLocks: "READ COMMITTED"
            }
        return try await run(.init(begin: "BEGIN ISOLATION LEVEL \(level)"), body)
    }

    /// `READ COMMITTED`, because a snapshot would be taken before the lock is had and not show what the holder did.
    @discardableResult
    public func migrate<T: Sendable>(_ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        try await run(.init(begin: "BEGIN ISOLATION LEVEL READ COMMITTED")) { connection in
            try connection.query("SELECT pg_advisory_xact_lock(hashtext('atelier.migrations'), hashtext(current_schema()))")
            return try body(connection)
        }
    }

    public func listen(_ handler: @Sendable @escaping (DatabaseNotice) -> Void) {
        let new = PostgresListener(address, handler)
        let old = listener.withLock { listener in
            defer { listener = new }
            return listener
        }
        old?.stop()
    }

    /// Does nothing: pages and log belong to the server. Rows that were deleted leave its files with `VACUUM` and
    /// the recycling of its log, which are its operator's.
    public func scrub() async throws {}

    public func close() throws {
        listener.withLock { $0?.stop() }
        pool.close()
    }

    private func run<T: Sendable>(_ kind: PostgresTransaction, _ body: @Sendable @escaping (any Connection) throws -> T) async throws -> T {
        let session = try await pool.take()
        let result: Result<T, any Error> = await withCheckedContinuation { continuation in
            session.queue.async { continuation.resume(returning: Result { try kind.run(session, body) }) }
        }
        pool.giveBack(session)
        return try result.get()
    }
}
