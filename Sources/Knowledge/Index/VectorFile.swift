import Foundation

/// A finished vectors.f32, mapped read-only: the pages are the system's to keep or drop.
///
/// `@unchecked Sendable`: the mapping is immutable and lives as long as the object.
final class VectorFile: @unchecked Sendable {
    let header: VectorHeader
    private let mapping: UnsafeRawBufferPointer

    /// - Throws: `KnowledgeError.indexDamaged` if it is not a whole vector file; the file system's error.
    init(_ url: URL, collection: String) throws {
        func damaged(_ reason: String) -> KnowledgeError { .indexDamaged(collection: collection, reason: reason) }
        let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw damaged("\(CollectionFolder.vectors) cannot be opened") }
        defer { close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size >= VectorHeader.bytes else { throw damaged("\(CollectionFolder.vectors) is shorter than its header") }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw Durable.posixError()
        }
        let mapping = UnsafeRawBufferPointer(start: address, count: size)
        guard let header = VectorHeader(mapping), header.fileBytes == size else {
            munmap(address, size)
            throw damaged("the header of \(CollectionFolder.vectors) does not fit its \(size) bytes")
        }
        self.header = header
        self.mapping = mapping
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress!), mapping.count)
    }

    /// Calls `body` with the first float of the first row.
    func withRows<Result>(_ body: (UnsafeRawPointer) throws -> Result) rethrows -> Result {
        try withExtendedLifetime(self) { try body(mapping.baseAddress! + VectorHeader.bytes) }
    }
}
