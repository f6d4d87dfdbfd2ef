import Foundation

/// Lines of a file, never holding more than `limit` bytes of one.
struct BoundedLines {
    struct Line {
        enum Content {
            case bytes(Data)
            /// Its length; its bytes were passed over.
            case tooLong(Int)
        }
        var number: Int
        var content: Content
    }

    private let handle: FileHandle
    private let limit: Int
    private var buffer = Data()
    private var ended = false
    /// Lines seen so far.
    private(set) var count = 0

    init(_ url: URL, limit: Int) throws {
        handle = try FileHandle(forReadingFrom: url)
        self.limit = limit
    }

    mutating func next() throws -> Line? {
        var searched = 0
        while true {
            if let newline = buffer[(buffer.startIndex + searched)...].firstIndex(of: 0x0A) {
                let line = Data(buffer[buffer.startIndex..<newline])
                buffer.removeSubrange(buffer.startIndex...newline)
                count += 1
                return Line(number: count, content: line.count > limit ? .tooLong(line.count) : .bytes(line))
            }
            searched = buffer.count
            if buffer.count > limit { return try passOver() }
            if ended { break }
            try fill()
        }
        guard !buffer.isEmpty else { return nil }
        count += 1
        defer { buffer = Data() }
        return Line(number: count, content: .bytes(buffer))
    }

    private mutating func passOver() throws -> Line {
        var length = buffer.count
        buffer = Data()
        count += 1
        while !ended {
            try fill()
            if let newline = buffer.firstIndex(of: 0x0A) {
                length += newline - buffer.startIndex
                buffer.removeSubrange(buffer.startIndex...newline)
                break
            }
            length += buffer.count
            buffer = Data()
        }
        return Line(number: count, content: .tooLong(length))
    }

    private mutating func fill() throws {
        guard let chunk = try handle.read(upToCount: 1 << 18), !chunk.isEmpty else {
            ended = true
            return
        }
        buffer.append(chunk)
    }
}
