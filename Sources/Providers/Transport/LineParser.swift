import Domain

/// A line of a stream, or the data of an event, that is longer than anybody needs: what is not complete has to be kept.
public struct OverlongLine: Error, CustomStringConvertible {
    /// Bytes: 1 MiB.
    public static let limit = 1 << 20

    public var description: String { "a line of the stream is longer than \(Self.limit >> 20) MiB" }

    static func check(_ length: Int) throws(OverlongLine) { if length > limit { throw OverlongLine() } }

    func asReply(_ provider: String) -> ProviderError { ProviderError(.malformedReply, provider: provider, status: 200, message: description) }
}

/// Incremental splitter of newline-delimited text (NDJSON): LF or CRLF ends a line, blank lines are
/// skipped, bytes may be split anywhere.
public struct LineParser: Sendable {
    private var line: [UInt8] = []

    public init() {}

    /// Feeds some bytes; returns the lines they completed.
    /// - Throws: ``OverlongLine``.
    public mutating func push(_ bytes: some Sequence<UInt8>) throws(OverlongLine) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A {
                try OverlongLine.check(line.count)
                if let text = take() { lines.append(text) }
            } else {
                line.append(byte)
            }
        }
        try OverlongLine.check(line.count)
        return lines
    }

    /// What is left when the stream has ended: a last line without its newline, perhaps cut.
    public mutating func finish() -> String? { take() }

    private mutating func take() -> String? {
        if line.last == 0x0D { line.removeLast() }
        defer { line.removeAll(keepingCapacity: true) }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
}
