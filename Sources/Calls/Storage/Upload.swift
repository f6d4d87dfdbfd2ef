import Crypto
import Domain
import Files
import Foundation
import Store

/// A file as it was sent.
package struct Upload: Sendable {
    package let bytes: Int
    /// In hexadecimal, of the whole file.
    package let sha256: String

    /// Writes what is sent to a file that only this user of the machine reads, as it comes: memory does not grow with it.
    /// - Parameters:
    ///   - maxBytes: most that is taken.
    ///   - room: what the user may still store.
    /// - Throws: ``UploadTooLarge``, ``LimitExceeded``. What was written by then stays with the caller.
    package static func receive<Bytes: AsyncSequence>(_ bytes: Bytes, into file: URL, maxBytes: Int, room: StorageReservation) async throws -> Upload
    where Bytes.Element: Sequence<UInt8> {
        let descriptor = open(file.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LocatedError("cannot make a file for the upload", errno) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        defer { try? handle.close() }
        var hash = SHA256()
        var size = 0
        for try await chunk in bytes {
            let data = Data(chunk)
            size += data.count
            if size > maxBytes { throw UploadTooLarge(limit: maxBytes) }
            try room.take(data.count)
            hash.update(data: data)
            try handle.write(contentsOf: data)
        }
        return Upload(bytes: size, sha256: hash.finalize().hex)
    }
}

/// The upload passed the limit; what had arrived is gone.
public struct UploadTooLarge: Error, Sendable {
    public var limit: Int

    public init(limit: Int) { self.limit = limit }
}
