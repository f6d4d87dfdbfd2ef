import Foundation

/// Reads lines and exact byte counts from a child's standard output.
struct ByteReader {
    private var iterator: AsyncStream<Data>.Iterator
    private var buffer = Data()

    init(_ stream: AsyncStream<Data>) { iterator = stream.makeAsyncIterator() }

    /// The next line without its newline, or nil at the end.
    mutating func line(isolation: isolated (any Actor)? = #isolation) async -> Data? {
        var searched = buffer.startIndex
        while true {
            if let newline = buffer[searched...].firstIndex(of: 0x0A) {
                let line = Data(buffer[buffer.startIndex..<newline])
                buffer = Data(buffer[(newline + 1)...])
                return line
            }
            searched = buffer.endIndex
            guard await fill() else {
                guard !buffer.isEmpty else { return nil }
                defer { buffer = Data() }
                return buffer
            }
        }
    }

    /// Exactly `count` bytes, or nil when the stream ends before.
    mutating func bytes(_ count: Int, isolation: isolated (any Actor)? = #isolation) async -> Data? {
        while buffer.count < count { guard await fill() else { return nil } }
        let bytes = Data(buffer.prefix(count))
        buffer = Data(buffer.dropFirst(count))
        return bytes
    }

    private mutating func fill(isolation: isolated (any Actor)? = #isolation) async -> Bool {
        guard let chunk = await iterator.next(isolation: isolation) else { return false }
        buffer.append(chunk)
        return true
    }
}
