import Foundation

/// A parameter or a column, in the types both databases share.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)

    public init(_ value: String?) { self = value.map(SQLValue.text) ?? .null }
    public init(_ value: Int?) { self = value.map { .integer(Int64($0)) } ?? .null }
    public init(_ value: Double?) { self = value.map(SQLValue.real) ?? .null }
    public init(_ value: Bool) { self = .integer(value ? 1 : 0) }
    /// Milliseconds since 1970.
    public init(_ value: Date?) { self = value.map { .integer($0.milliseconds) } ?? .null }
    /// JSON with sorted keys, so that equal values are equal text.
    public init(json value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        self = .text(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(nilLiteral: ()) { self = .null }
}

extension Date {
    /// Milliseconds since 1970, the resolution every stored time has; the nearest there are for what lies beyond.
    public var milliseconds: Int64 { Int64(Int(clamping: (timeIntervalSince1970 * 1000).rounded())) }
    public init(milliseconds: Int64) { self.init(timeIntervalSince1970: Double(milliseconds) / 1000) }
}
