import Foundation

/// Appends rows to the vector files while a collection is built.
struct VectorWriter: Sendable {
    private let files: [(layout: VectorLayout, handle: FileHandle)]
    private let sketches: SketchWriter
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
            kept = min(kept, layout.rows(inBytes: Int(try handle.seekToEnd())))
            files.append((layout, handle))
        }
        for (layout, handle) in files {
            let end = UInt64(kept == 0 ? 0 : layout.offset(kept))
            if try handle.seekToEnd() != end { try handle.truncate(atOffset: end) }
        }
        let sketches = try SketchWriter(folder, dimension: dimension, rows: kept, floats: files[0].handle.fileDescriptor)
        let writer = VectorWriter(files: files, sketches: sketches, dimension: dimension)
        try writer.writeHeaders(count: 0)
        for (layout, handle) in files { try handle.seek(toOffset: UInt64(layout.offset(kept))) }
        return (writer, kept)
    }

    /// Appends rows and flushes them to the disk.
    func append(_ values: [Float]) throws {
        let layout = files[0].layout
        let first = layout.rows(inBytes: Int(try files[0].handle.offset()))
        try values.withUnsafeBytes { try files[0].handle.write(contentsOf: $0) }
        try files[1].handle.write(contentsOf: QuantisedRow.encode(values, dimension: dimension))
        for (_, handle) in files { try handle.synchronize() }
        // Last, since they are made from what is in the file.
        try sketches.add(first..<first + values.count / dimension)
    }

    /// Writes rows from `row` on and flushes them.
    func write(_ values: [Float], at row: Int) throws {
        for (layout, handle) in files { try handle.seek(toOffset: UInt64(layout.offset(row))) }
        try append(values)
    }

    /// Overwrites rows with zeros and flushes them.
    func erase(_ rows: [Range<Int>]) throws {
        guard !rows.isEmpty else { return }
        for (layout, handle) in files {
            for range in rows {
                let zeros = [UInt8](repeating: 0, count: range.count * layout.stride)
                let offset = layout.offset(range.lowerBound)
                // At a place of its own: another writer may be between seeking and writing.
                guard pwrite(handle.fileDescriptor, zeros, zeros.count, off_t(offset)) == zeros.count else { throw Durable.posixError() }
            }
            try handle.synchronize()
        }
        try sketches.erase(rows)
    }

    /// Writes the final count, flushes and closes.
    func finish(count: Int) throws {
        try writeHeaders(count: count)
        for (_, handle) in files {
            try handle.synchronize()
            try handle.close()
        }
        try sketches.finish(count: count)
    }

    func close() {
        for (_, handle) in files { try? handle.close() }
        sketches.close()
    }

    private func writeHeaders(count: Int) throws {
        for (layout, handle) in files {
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: Data(VectorHeader(layout, count: count).encoded))
        }
    }
}
