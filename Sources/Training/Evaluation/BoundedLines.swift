import Foundation

/// The first lines of a file that may be of any size.
enum BoundedLines {
    /// - Parameter bytes: no more of the file is read; a line that is cut by it is left out.
    static func read(_ file: URL, bytes: Int = 16 << 20) throws -> [Data] {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        guard let content = try handle.read(upToCount: bytes) else { return [] }
        var lines = content.split(separator: 0x0A).map { Data($0) }
        if content.count == bytes, content.last != 0x0A { lines.removeLast() }
        return lines
    }
}
