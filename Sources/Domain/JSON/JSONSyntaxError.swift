/// Why bytes are not one JSON text.
public struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// In words, without the text itself, which may hold secrets.
    public var reason: String
    /// Of the first byte that cannot stand there, from the start.
    public var offset: Int

    public init(_ reason: String, offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    public var description: String { "\(reason) at byte \(offset)" }
}
