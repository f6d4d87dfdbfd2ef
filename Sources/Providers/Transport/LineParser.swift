/// Incremental splitter of newline-delimited text (NDJSON): LF or CRLF ends a line, blank lines are
/// skipped, bytes may be split anywhere.
public struct LineParser: Sendable {
    private var line: [UInt8] = []

    public init() {}

    /// Feeds some bytes; returns the lines they completed.
    public mutating func push(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A {
                if let text = take() { lines.append(text) }
            } else {
                line.append(byte)
            }
        }
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
