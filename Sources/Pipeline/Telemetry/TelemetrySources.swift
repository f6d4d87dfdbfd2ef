/// What other parts know and `/metrics` asks them for when it is read. What is nil is not offered.
public struct TelemetrySources: Sendable {
    /// Circuits by provider and state (`closed`, `open`, `half_open`), without keys.
    public var circuits: (@Sendable () -> [(provider: String, state: String, count: Int)])?
    /// Usage records that wait for the database.
    public var journalBacklog: (@Sendable () -> Int)?
    /// Training jobs by status.
    public var jobs: (@Sendable () async throws -> [String: Int])?
    /// Spans that were delivered and that were given up.
    public var spans: (@Sendable () -> (exported: Int, dropped: Int))?

    public init() {}
}
