/// A column that holds Fernet tokens. A rotation that forgot one would lock its rows away with the old
/// key, so a test looks through every table for tokens that stand in no column of this list.
struct SealedColumn: Sendable {
    var table: String
    /// The column that names a row.
    var id: String
    var column: String

    /// Every place the vault's tokens are kept in. Whoever seals something new adds it here.
    static let all = [
        SealedColumn(table: "user_api_keys", id: "id", column: "encrypted_key"),
        SealedColumn(table: "webhooks", id: "id", column: "encrypted_secret"),
    ]
}
