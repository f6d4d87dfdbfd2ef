import Foundation

/// A file of fixed-size entries that has no name: it is gone when it is closed, also by a crash.
final class SpillFile {
    typealias Entry = SeenSet.Entry
    private let descriptor: Int32
    private let buffered: Int
    private var buffer: [Entry] = []
    private var count = 0

    init(in folder: URL, buffered: Int) throws {
        self.buffered = buffered
        let path = folder.appendingPathComponent("hashes-\(UUID().uuidString)").path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure() }
        unlink(path)
    }

    deinit { close(descriptor) }

    func append(_ entry: Entry) throws {
        buffer.append(entry)
        if buffer.count == buffered { _ = try flush() }
    }

    /// - Returns: entries in the file.
    func flush() throws -> Int {
        try buffer.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let length = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(count * MemoryLayout<Entry>.stride + done))
                guard length > 0 else { throw Self.failure() }
                done += length
            }
        }
        count += buffer.count
        buffer.removeAll(keepingCapacity: true)
        return count
    }

    /// Up to 4,096 entries from an index on.
    func read(from index: Int, upTo end: Int) throws -> [Entry] {
        let wanted = min(4096, end - index)
        return try [Entry](unsafeUninitializedCapacity: wanted) { room, count in
            let bytes = UnsafeMutableRawBufferPointer(room)
            var done = 0
            let length = wanted * MemoryLayout<Entry>.stride
            while done < length {
                let got = pread(descriptor, bytes.baseAddress! + done, length - done, off_t(index * MemoryLayout<Entry>.stride + done))
                guard got > 0 else { throw Self.failure() }
                done += got
            }
            count = wanted
        }
    }

    private static func failure() -> POSIXError { POSIXError(.init(rawValue: errno) ?? .EIO) }
}
