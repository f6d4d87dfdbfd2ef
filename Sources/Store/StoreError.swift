/// What the rows themselves forbid.
public enum StoreError: Error, Sendable, Equatable {
    /// Absent, or another user's: the two are one answer on purpose.
    case notFound(String)
    /// A value that must be unique is taken.
    case conflict(field: String, message: String)
    /// The row's state does not allow this.
    case invalidState(String)
}
