import Foundation

/// Reads a file line by line in bounded memory.
struct LineReader {
    enum Line {
        case content([UInt8])
        /// Longer than the limit; its bytes were skipped.
        case tooLong
    }

    private static let blockBytes = 1 << 20
    private static let newline = UInt8(ascii: "\n")

    private let handle: FileHandle
    private let maxLineBytes: Int
    private var block: [UInt8] = []
    private var position = 0

    init(url: URL, maxLineBytes: Int) throws {
        handle = try FileHandle(forReadingFrom: url)
        self.maxLineBytes = maxLineBytes
    }

    /// The next line without its `\n`; nil at the end of the file.
    mutating func next() throws -> Line? {
        var line: [UInt8] = []
        var overflow = false
        var sawBytes = false
        while true {
            if position == block.count {
                block = [UInt8](try handle.read(upToCount: Self.blockBytes) ?? Data())
                position = 0
                if block.isEmpty { return sawBytes ? (overflow ? .tooLong : .content(line)) : nil }
            }
            sawBytes = true
            let end = block[position...].firstIndex(of: Self.newline)
            let part = block[position..<(end ?? block.count)]
            if line.count + part.count > maxLineBytes {
                overflow = true
                line = []
            } else if !overflow {
                line.append(contentsOf: part)
            }
            position = end.map { $0 + 1 } ?? block.count
            if end != nil { return overflow ? .tooLong : .content(line) }
        }
    }
}
