/// One finished piece of work of a trace, as OpenTelemetry has it.
public struct Span: Sendable, Equatable {
    public enum Kind: Int, Sendable {
        // OTLP's numbers.
        case `internal` = 1
        case server = 2
        case client = 3
    }

    public enum Value: Sendable, Equatable {
        case text(String)
        case number(Int)
    }

    /// 32 hexadecimal digits.
    public var traceID: String
    /// 16 hexadecimal digits.
    public var id: String
    public var parentID: String?
    public var name: String
    public var kind: Kind
    /// Nanoseconds since the Unix epoch.
    public var start: UInt64
    public var end: UInt64
    public var attributes: [String: Value]
    public var isError: Bool
}

/// Takes spans that are finished. Must not block: what there is no room for is dropped and counted.
public protocol SpanSink: Sendable {
    func offer(_ spans: [Span])
}
