import Foundation

/// A file of vectors, mapped read-only: the pages are the system's to keep or drop.
///
/// `@unchecked Sendable`: the rows mapped are never written again, and the mapping lives as long as the
/// object.
final class VectorFile: @unchecked Sendable {
    let layout: VectorLayout
    let count: Int
    private let mapping: UnsafeRawBufferPointer

    /// A finished file.
    ///
    /// - Parameter layout: which file of vectors it is, for the dimension in its header.
    /// - Throws: `KnowledgeError.indexDamaged` if it is not a whole vector file; the file system's error.
    convenience init(_ folder: URL, collection: String, layout: (Int) -> VectorLayout) throws {
        let file = layout(0).file
        func damaged(_ reason: String) -> KnowledgeError { .indexDamaged(collection: collection, reason: reason) }
        let descriptor = open(folder.appendingPathComponent(file).path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw damaged("\(file) cannot be opened") }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        var start = [UInt8](repeating: 0, count: VectorHeader.bytes)
        guard size >= VectorHeader.bytes, pread(descriptor, &start, start.count, 0) == start.count else {
            throw damaged("\(file) is shorter than its header")
        }
        guard let header = start.withUnsafeBytes({ VectorHeader($0, magic: layout(0).magic) }), VectorLayout.dimensions.contains(header.dimension),
            layout(header.dimension).fileBytes(rows: header.count) == size
        else { throw damaged("the header of \(file) does not fit its \(size) bytes") }
        try self.init(descriptor, layout: layout(header.dimension), count: header.count)
    }

    /// The first `count` rows of a file that has at least so many.
    init(_ descriptor: CInt, layout: VectorLayout, count: Int) throws {
        let size = layout.offset(count)
        guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
            throw Durable.posixError()
        }
        self.layout = layout
        self.count = count
        mapping = UnsafeRawBufferPointer(start: address, count: size)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress!), mapping.count)
    }

    /// Calls `body` with the first byte of the first row.
    func withRows<Result>(_ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(mapping.baseAddress! + layout.offset(0)) }
    }

    /// Calls `body` with what stands between header and rows.
    func withPreamble<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(UnsafeRawBufferPointer(rebasing: mapping[VectorHeader.bytes..<layout.offset(0)])) }
    }

    /// The floats of rows, for a file of floats.
    func floats(_ rows: Range<Int>) -> [Float] {
        withRows { base in
            let start = base + rows.lowerBound * layout.stride
            return Array(UnsafeRawBufferPointer(start: start, count: rows.count * layout.stride).bindMemory(to: Float.self))
        }
    }
}
