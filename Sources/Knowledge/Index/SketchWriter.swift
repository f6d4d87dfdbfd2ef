import Foundation
import Synchronization

/// Writes the sketches beside the other two files. They follow from the floats, so what a crash took of them is
/// made again, and the file as a whole comes into being when there are rows enough for it.
final class SketchWriter: Sendable {
    private static let block = 1024

    private let folder: URL
    private let layout: VectorLayout
    /// File of floats, which has the rows to be sketched.
    private let floats: CInt
    private let open = Mutex<Sketches?>(nil)

    private struct Sketches: Sendable {
        var handle: FileHandle
        var space: SketchSpace
    }

    /// Opens the sketches of the first `rows` rows, cuts away those of others and makes those that are missing.
    init(_ folder: URL, dimension: Int, rows: Int, floats: CInt) throws {
        self.folder = folder
        self.floats = floats
        layout = VectorLayout.sketches(dimension)
        // A crash may have come while the file was made.
        if FileManager.default.fileExists(atPath: unfinished.path) { try FileManager.default.removeItem(at: unfinished) }
        guard isWanted(rows) else {
            if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.removeItem(at: file) }
            return
        }
        guard let (sketches, kept) = try existing(rows) else {
            let made = try create(rows)
            open.withLock { $0 = made }
            return
        }
        open.withLock { $0 = sketches }
        try writeHeader(sketches, count: 0)
        try sketch(kept..<rows, sketches)
        try sketches.handle.synchronize()
    }

    /// Sketches `rows`, which are in the file of floats and whose predecessors are sketched.
    func add(_ rows: Range<Int>) throws {
        try open.withLock { open in
            if let sketches = open {
                try sketch(rows, sketches)
                try sketches.handle.synchronize()
            } else if isWanted(rows.upperBound) {
                open = try create(rows.upperBound)
            }
        }
    }

    /// Overwrites sketches with zeros, once the floats are.
    func erase(_ rows: [Range<Int>]) throws {
        try open.withLock { open in
            guard let sketches = open else { return }
            for range in rows { try write([UInt8](repeating: 0, count: range.count * layout.stride), at: range.lowerBound, sketches) }
            try sketches.handle.synchronize()
        }
    }

    /// Writes the final count, flushes and closes.
    func finish(count: Int) throws {
        guard let sketches = open.withLock({ $0 }) else { return }
        try writeHeader(sketches, count: count)
        try sketches.handle.synchronize()
        close()
    }

    func close() {
        open.withLock { sketches in
            try? sketches?.handle.close()
            sketches = nil
        }
    }

    private var file: URL { folder.appendingPathComponent(layout.file) }
    private var unfinished: URL { folder.appendingPathComponent(layout.file + ".new") }

    private func isWanted(_ rows: Int) -> Bool { rows >= SketchSpace.rows && layout.dimension >= SketchSpace.leastDimension }

    /// The file that is there; nil where there is none that these rows could have made.
    private func existing(_ rows: Int) throws -> (Sketches, kept: Int)? {
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let handle = try FileHandle(forUpdating: file)
        let size = Int(try handle.seekToEnd())
        try handle.seek(toOffset: 0)
        let start = try handle.read(upToCount: layout.offset(0)) ?? Data()
        let header = start.withUnsafeBytes { VectorHeader($0, magic: layout.magic) }
        guard start.count == layout.offset(0), header?.dimension == layout.dimension, layout.rows(inBytes: size) >= SketchSpace.rows else {
            try handle.close()
            return nil
        }
        let kept = min(rows, layout.rows(inBytes: size))
        if size != layout.offset(kept) { try handle.truncate(atOffset: UInt64(layout.offset(kept))) }
        let centre = start.withUnsafeBytes { bytes in
            (0..<layout.dimension).map { bytes.loadUnaligned(fromByteOffset: VectorHeader.bytes + $0 * 4, as: Float.self) }
        }
        return (Sketches(handle: handle, space: SketchSpace(centre: centre)), kept)
    }

    /// Under its own name only once it holds the rows that are there, so that a reader never sees less.
    private func create(_ rows: Int) throws -> Sketches {
        let space = try read(0..<SketchSpace.rows) { SketchSpace(firstRows: $0, dimension: layout.dimension) }
        try Durable.createPrivateFile(unfinished)
        let sketches = Sketches(handle: try FileHandle(forUpdating: unfinished), space: space)
        try sketches.handle.truncate(atOffset: 0)
        try writeHeader(sketches, count: 0)
        let centre = space.centre.withUnsafeBytes { Data($0) }
        try sketches.handle.write(contentsOf: centre + Data(count: layout.preamble - centre.count))
        try sketch(0..<rows, sketches)
        try sketches.handle.synchronize()
        guard rename(unfinished.path, file.path) == 0 else { throw Durable.posixError() }
        try Durable.synchronise(folder)
        return sketches
    }

    private func sketch(_ rows: Range<Int>, _ sketches: Sketches) throws {
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.block) {
            let part = start..<min(rows.upperBound, start + Self.block)
            try write(read(part) { SketchRow.encode($0, in: sketches.space) }, at: start, sketches)
        }
    }

    private func read<Result>(_ rows: Range<Int>, _ body: (UnsafeBufferPointer<Float>) -> Result) throws -> Result {
        let layout = VectorLayout.floats(layout.dimension)
        var values = [Float](repeating: 0, count: rows.count * layout.dimension)
        let size = rows.count * layout.stride
        guard values.withUnsafeMutableBytes({ pread(floats, $0.baseAddress, size, off_t(layout.offset(rows.lowerBound))) }) == size else {
            throw Durable.posixError()
        }
        return values.withUnsafeBufferPointer(body)
    }

    /// At a place of its own: another writer may be between seeking and writing.
    private func write(_ bytes: [UInt8], at row: Int, _ sketches: Sketches) throws {
        guard pwrite(sketches.handle.fileDescriptor, bytes, bytes.count, off_t(layout.offset(row))) == bytes.count else {
            throw Durable.posixError()
        }
    }

    private func writeHeader(_ sketches: Sketches, count: Int) throws {
        try sketches.handle.seek(toOffset: 0)
        try sketches.handle.write(contentsOf: Data(VectorHeader(layout, count: count).encoded))
    }
}
