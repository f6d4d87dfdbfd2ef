/// What other parts know and `/metrics` asks them for when it is read. What is nil is not offered.
public struct TelemetrySources: Sendable {
    /// Circuits by provider and state (`closed`, `open`, `half_open`), without keys.
    public var circuits: (@Sendable () -> [(provider: String, state: String, count: Int)])?
    /// Requests refused by a limit since the start, by the limit's name, one of a fixed set.
    public var refusals: (@Sendable () -> [String: Int])?
    /// Bytes of usage that are journalled and not in the database yet.
    public var journalBacklogBytes: (@Sendable () -> Int)?
    /// Usage records that neither disk nor memory had room for, since the start.
    public var usageLost: (@Sendable () -> Int)?
    /// Training jobs by status.
    public var jobs: (@Sendable () async throws -> [String: Int])?
    /// Spans that were delivered and that were given up.
    public var spans: (@Sendable () -> (exported: Int, dropped: Int))?

    public init() {}
}
