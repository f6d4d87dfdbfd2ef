import Foundation

/// JSONL: each line is a record.
final class LineRecords: RecordSource {
    private let window: ByteWindow
    private let limit: Int
    private(set) var lines = 0
    /// Length of the record handed out last, which stands at the window's start.
    private var pending = 0

    init(_ window: ByteWindow, limit: Int) {
        self.window = window
        self.limit = limit
    }

    func next() throws -> Record? {
        while let length = try nextLine() {
            if length > limit {
                return Record(line: lines, content: .problem(.tooLong(line: lines, bytes: length, limit: limit)))
            }
            var line = Bytes(start: window.base, count: length)
            if line.beginsWithMark { line = Bytes(rebasing: line.dropFirst(3)) }
            if line.isEmpty || line[0] <= 0x20, line.isBlank { continue }
            return Record(line: lines, content: .bytes(line))
        }
        return nil
    }

    /// Length of the next line without its end. A line over the limit is passed over.
    private func nextLine() throws -> Int? {
        window.consume(pending)
        pending = 0
        var searched = 0
        while true {
            if let end = memchr(window.base + searched, 0x0A, window.count - searched) {
                lines += 1
                let length = UnsafePointer(end.assumingMemoryBound(to: UInt8.self)) - window.base
                pending = length + 1
                return length
            }
            searched = window.count
            if searched > limit { return try passOver() }
            if try !window.fill() { break }
        }
        guard searched > 0 else { return nil }
        lines += 1
        pending = searched
        return searched
    }

    private func passOver() throws -> Int {
        lines += 1
        var length = 0
        repeat {
            if let end = memchr(window.base, 0x0A, window.count) {
                let rest = UnsafePointer(end.assumingMemoryBound(to: UInt8.self)) - window.base
                window.consume(rest + 1)
                return length + rest
            }
            length += window.count
            window.consume(window.count)
        } while try window.fill()
        return length
    }
}
