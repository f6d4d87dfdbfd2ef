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
}
