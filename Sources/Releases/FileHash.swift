import Crypto
import Domain
import Files
import Foundation
import Synchronization

/// SHA-256 of files, read in blocks.
enum FileHash {
    private struct Known {
        var bytes: Int
        var changedAt: Date
        var sha256: String
    }

    private static let known = Mutex<[String: Known]>([:])

    /// In hex. Blocks the thread.
    static func of(_ file: URL) throws -> (sha256: String, bytes: Int) {
        let handle = try FileHandle(forReadingFrom: file)
        defer { try? handle.close() }
        var hash = SHA256()
        var bytes = 0
        while let block = try handle.read(upToCount: 1 << 20), !block.isEmpty {
            hash.update(data: block)
            bytes += block.count
        }
        return (text(hash.finalize()), bytes)
    }

    /// The same of a file that hardly ever changes, as a model: read again only where its size or time did.
    static func ofModel(_ file: URL) async throws -> String {
        let facts = try file.resourceValues(forKeys: [.fileSizeKey, .contentModificationDateKey])
        let (bytes, changedAt) = (facts.fileSize ?? 0, facts.contentModificationDate ?? .distantPast)
        if let known = known.withLock({ $0[file.path] }), known.bytes == bytes, known.changedAt == changedAt { return known.sha256 }
        let sha256 = try await BlockingExecutor.run { try of(file).sha256 }
        known.withLock { $0[file.path] = Known(bytes: bytes, changedAt: changedAt, sha256: sha256) }
        return sha256
    }

    /// One hash over the names and hashes of several files, whatever their order.
    static func joint(_ files: [(name: String, sha256: String)]) -> String {
        let lines = files.sorted { $0.name < $1.name }.map { "\($0.sha256)  \($0.name)\n" }.joined()
        return text(SHA256.hash(data: Data(lines.utf8)))
    }

    private static func text(_ digest: SHA256.Digest) -> String { digest.hex }
}
