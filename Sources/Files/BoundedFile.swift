import Foundation

/// Small files that are read whole: never more of them than they may have.
package enum BoundedFile {
    /// - Throws: ``LocatedError`` of a longer file, by its name; the file system's error.
    package static func read(_ file: URL, maxBytes: Int) throws -> Data {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        let data = try handle.read(upToCount: maxBytes + 1) ?? Data()
        guard data.count <= maxBytes else { throw LocatedError("\(file.lastPathComponent) has more than \(maxBytes) bytes") }
        return data
    }
}
