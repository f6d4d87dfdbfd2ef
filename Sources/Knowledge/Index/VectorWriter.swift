import Foundation

/// Appends rows to the two vector files while a collection is built.
struct VectorWriter: Sendable {
    private let files: [(layout: VectorLayout, handle: FileHandle)]
    private let dimension: Int

    /// Opens or creates the files and cuts them back to `rows`, the rows the database knows: what lies
    /// beyond was written in the moment of a crash.
    ///
    /// - Returns: the writer and how many rows it holds: fewer than `rows` if a file lost some.
    static func open(_ folder: URL, dimension: Int, rows: Int) throws -> (writer: VectorWriter, rows: Int) {
        var files: [(layout: VectorLayout, handle: FileHandle)] = []
        var kept = rows
        for layout in [VectorLayout.floats(dimension), .quantised(dimension)] {
            let file = folder.appendingPathComponent(layout.file)
            try Durable.createPrivateFile(file)
            let handle = try FileHandle(forUpdating: file)
            kept = min(kept, max(0, Int(try handle.seekToEnd()) - VectorHeader.bytes) / layout.stride)
            files.append((layout, handle))
        }
        for (layout, handle) in files {
            let end = UInt64(kept == 0 ? 0 : VectorHeader.bytes + kept * layout.stride)
            if try handle.seekToEnd() != end { try handle.truncate(atOffset: end) }
        }
        let writer = VectorWriter(files: files, dimension: dimension)
        try writer.writeHeaders(count: 0)
        for (layout, handle) in files { try handle.seek(toOffset: UInt64(VectorHeader.bytes + kept * layout.stride)) }
        return (writer, kept)
    }

    /// Appends rows and flushes them to the disk.
    func append(_ values: [Float]) throws {
        try values.withUnsafeBytes { try files[0].handle.write(contentsOf: $0) }
        try files[1].handle.write(contentsOf: QuantisedRow.encode(values, dimension: dimension))
        for (_, handle) in files { try handle.synchronize() }
    }

    /// Writes rows from `row` on and flushes them.
    func write(_ values: [Float], at row: Int) throws {
        for (layout, handle) in files { try handle.seek(toOffset: UInt64(VectorHeader.bytes + row * layout.stride)) }
        try append(values)
    }

    /// Overwrites rows with zeros and flushes them.
    func erase(_ rows: [Range<Int>]) throws {
        guard !rows.isEmpty else { return }
        for (layout, handle) in files {
            for range in rows {
                let zeros = [UInt8](repeating: 0, count: range.count * layout.stride)
                let offset = VectorHeader.bytes + range.lowerBound * layout.stride
                // At a place of its own: another writer may be between seeking and writing.
                guard pwrite(handle.fileDescriptor, zeros, zeros.count, off_t(offset)) == zeros.count else { throw Durable.posixError() }
            }
            try handle.synchronize()
        }
    }

    /// Writes the final count, flushes and closes.
    func finish(count: Int) throws {
        try writeHeaders(count: count)
        for (_, handle) in files {
            try handle.synchronize()
            try handle.close()
        }
    }

    func close() {
        for (_, handle) in files { try? handle.close() }
    }

    private func writeHeaders(count: Int) throws {
        for (layout, handle) in files {
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: Data(VectorHeader(layout, count: count).encoded))
        }
    }
}
