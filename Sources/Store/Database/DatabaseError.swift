/// What a driver reports, so that callers can tell a broken rule from a broken database.
public enum DatabaseError: Error, Sendable, CustomStringConvertible {
    case uniqueViolation(String)
    case foreignKeyViolation(String)
    case checkViolation(String)
    case missingColumn(String)
    /// The database cannot be reached, or is too busy; nothing was changed, and trying again later may help.
    case unavailable(String)
    /// The connection broke while a transaction was being committed: it is kept whole or not at all, and
    /// which of the two only a look at the rows can tell.
    case unknownOutcome(String)
    /// There is no room for what was to be written; nothing was changed, and reading goes on.
    case diskFull(String)
    case other(String)

    /// Whether the same may succeed later without anything being changed.
    public var isTransient: Bool {
        switch self {
        case .unavailable, .unknownOutcome, .diskFull: true
        default: false
        }
    }

    /// Whether the schema refuses the row, and will the next time.
    public var isViolation: Bool {
        switch self {
        case .uniqueViolation, .foreignKeyViolation, .checkViolation: true
        default: false
        }
    }

    public var description: String {
        switch self {
        case .uniqueViolation(let detail): "unique constraint: \(detail)"
        case .foreignKeyViolation(let detail): "foreign key: \(detail)"
        case .checkViolation(let detail): "check constraint: \(detail)"
        case .missingColumn(let name): "the row has no column \(name)"
        case .unavailable(let detail): "the database cannot be used now: \(detail)"
        case .unknownOutcome(let detail): "the connection broke while a change was being saved; it may or may not be kept: \(detail)"
        case .diskFull(let detail): "the database's disk is full: \(detail)"
        case .other(let detail): detail
        }
    }
}
