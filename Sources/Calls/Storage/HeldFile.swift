import Foundation

/// A file without a name: its bytes are gone when nobody holds it, and until then they count as its user's storage.
public final class HeldFile: @unchecked Sendable {
    private let handle: FileHandle
    private let room: StorageReservation

    package init(_ url: URL, _ room: StorageReservation) throws {
        self.room = room
        handle = try FileHandle(forReadingFrom: url)
        try FileManager.default.removeItem(at: url)
    }

    /// The next 64 KiB, or nil at the end. One reader.
    public func next() throws -> Data? {
        let block = try handle.read(upToCount: 1 << 16)
        return block?.isEmpty == false ? block : nil
    }
}
