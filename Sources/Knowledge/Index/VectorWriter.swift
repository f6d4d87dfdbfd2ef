import Foundation

/// Appends rows to vectors.f32 while a collection is built.
struct VectorWriter {
    private let handle: FileHandle
    private let dimension: Int

    /// Opens or creates the file and cuts it back to `rows`, the rows the database knows: what lies
    /// beyond was written in the moment of a crash.
    ///
    /// - Returns: the writer and how many rows it holds: fewer than `rows` if the file lost some.
    static func open(_ url: URL, dimension: Int, rows: Int) throws -> (writer: VectorWriter, rows: Int) {
        try Durable.createPrivateFile(url)
        let handle = try FileHandle(forUpdating: url)
        let size = Int(try handle.seekToEnd())
        let rowBytes = dimension * MemoryLayout<Float>.size
        let kept = min(rows, max(0, size - VectorHeader.bytes) / rowBytes)
        try handle.truncate(atOffset: UInt64(kept == 0 ? 0 : VectorHeader.bytes + kept * rowBytes))
        let writer = VectorWriter(handle: handle, dimension: dimension)
        try writer.writeHeader(count: 0)
        try handle.seek(toOffset: UInt64(VectorHeader.bytes + kept * rowBytes))
        return (writer, kept)
    }

    /// Appends rows and flushes them to the disk.
    func append(_ values: [Float]) throws {
        try handle.write(contentsOf: values.withUnsafeBytes { Data($0) })
        try handle.synchronize()
    }

    /// Writes the final count, flushes and closes.
    func finish(count: Int) throws {
        try writeHeader(count: count)
        try handle.synchronize()
        try handle.close()
    }

    func close() {
        try? handle.close()
    }

    private func writeHeader(count: Int) throws {
        try handle.seek(toOffset: 0)
        try handle.write(contentsOf: Data(VectorHeader(dimension: dimension, count: count).encoded))
    }
}
