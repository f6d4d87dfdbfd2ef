import Foundation

/// The rows of one user. Every statement in here carries `user_id`; that is the isolation.
public struct UserStore: Sendable {
    public let userID: String
    let database: any Database
    let vault: KeyVault

    var user: SQLValue { .text(userID) }

    /// The one row of this user with this id, or ``StoreError/notFound(_:)``.
    func row(_ connection: any Connection, _ table: String, _ id: String, what: String) throws -> Row {
        guard let row = try connection.query("SELECT * FROM \(table) WHERE user_id = $1 AND id = $2", user, .text(id)).first else {
            throw StoreError.notFound(what)
        }
        return row
    }

    /// Runs a deletion. Where the disk is full, and its reserve too small for the whole of it, kept and cached answers go before the
    /// rest, some at a time: they are by far the most of what is deleted with a minion or a collection.
    /// - Parameter answers: which ones, as a condition with this user as `$1` and `id` as `$2`.
    func deleting<T>(_ id: String, answers: String, _ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch DatabaseError.diskFull(let detail) {
            guard DiskReserve.isOffered else { throw DatabaseError.diskFull(detail) }
            for (table, key) in [("answers", "id"), ("response_cache", "key_hash")] {
                let some = "SELECT \(key) FROM \(table) WHERE user_id = $1 AND \(answers) LIMIT 50"
                var deleted = 0
                repeat {
                    deleted = try await database.write(.rowLocks) { connection in
                        try connection.query("DELETE FROM \(table) WHERE user_id = $1 AND \(key) IN (\(some)) RETURNING \(key)", user, .text(id))
                            .count
                    }
                } while deleted > 0
            }
            return try await body()
        }
    }
}
