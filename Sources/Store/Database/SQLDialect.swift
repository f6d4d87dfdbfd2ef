/// The few fragments that SQLite and PostgreSQL spell differently.
public enum SQLDialect: Sendable {
    case sqlite
    case postgres

    /// Behind a `SELECT … LIMIT n` over `alias`: takes the rows for this transaction, and passes over those
    /// another transaction has taken. SQLite has one writer at a time, so there nobody else has any.
    func claimingRows(of alias: String) -> String {
        switch self {
        case .sqlite: ""
        case .postgres: "FOR UPDATE OF \(alias) SKIP LOCKED"
        }
    }

    /// A migration as this database takes it. Text is compared byte by byte, as SQLite does: PostgreSQL would
    /// order it by the language its cluster was made with.
    func migration(_ sql: String) -> String {
        switch self {
        case .sqlite: sql
        case .postgres: sql.replacing(/\bTEXT\b/, with: #"TEXT COLLATE "C""#)
        }
    }
}
