import Foundation

/// How a transaction is begun and, where that may help, begun again. Blocks its thread.
struct PostgresTransaction: Sendable {
    var begin: String
    var isReadOnly = false

    /// - Throws: ``DatabaseError``, or what `body` throws.
    func run<T>(_ session: PostgresSession, _ body: (any Connection) throws -> T) throws -> T {
        let deadline = Date().addingTimeInterval(PostgresDatabase.patience)
        var attempt = 0
        var doubted = false
        while true {
            do { return try once(session, body) } catch let failure as PostgresFailure {
                attempt += 1
                let isOver = Date() > deadline
                if failure.isLost {
                    session.disconnect()
                    if failure.isRefusal || isOver { throw failure.error }
                } else if failure.code == "23505", !isReadOnly, !doubted {
                    // Perhaps a row this transaction's snapshot could not show: what the body looks for is there now.
                    doubted = true
                    continue
                } else if failure.isConflict, !isOver {
                    if failure.isStalePlan { try? session.forgetStatements() }
                } else {
                    throw failure.error
                }
                // Soon at first; then further and further apart, and never all at once.
                let most = min(0.5, 0.004 * pow(2, Double(min(attempt, 10))))
                Thread.sleep(forTimeInterval: Double.random(in: most / 4...most))
            }
        }
    }

    private func once<T>(_ session: PostgresSession, _ body: (any Connection) throws -> T) throws -> T {
        try session.connect()
        try session.tidy()
        try session.run(begin)
        let value: T
        do { value = try body(PostgresConnection(session: session)) } catch {
            // Where the connection is gone, the server has rolled back by itself.
            if (error as? PostgresFailure)?.isLost != true {
                do { try session.run("ROLLBACK") } catch { session.disconnect() }
            }
            throw error
        }
        let tag: String
        do { tag = try session.run("COMMIT") } catch let failure as PostgresFailure where failure.isLost && !isReadOnly {
            session.disconnect()
            throw DatabaseError.unknownOutcome(failure.message)
        }
        // An error that `body` did not let out has ended the transaction before.
        guard tag == "COMMIT" else { throw DatabaseError.other("PostgreSQL: the transaction was ended by an error within it") }
        return value
    }
}

/// The session as one transaction's body sees it.
struct PostgresConnection: Connection {
    let session: PostgresSession

    var dialect: SQLDialect { .postgres }

    func query(_ sql: String, _ parameters: [SQLValue]) throws -> [Row] { try session.query(sql, parameters) }

    func script(_ sql: String) throws { try session.run(sql) }

    func notify(_ topic: String, _ payload: String) throws {
        _ = try session.query("SELECT pg_notify('\(PostgresListener.channel)' || current_schema(), $1)", [.text("\(topic)|\(payload)")])
    }
}
