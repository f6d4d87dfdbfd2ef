import Crypto
import Domain
import Foundation
import NIOCore
import Synchronization

/// The page's files: those of `web/`, and the libraries that set-up put into `web/vendor`. Read when they are
/// asked for and kept until they change, so an edited file shows with the next reload.
package final class PageFiles: Sendable {
    package struct File: Sendable {
        package var bytes: ByteBuffer
        /// Compressed by set-up; nil where there is none or it is older than the file.
        package var gzip: ByteBuffer?
        /// The start of the content's SHA-256, in hex.
        package var digest: String
        package var type: String
        /// Whether the name carries a part of the content's hash, so that other content has another name.
        package var isImmutable: Bool
    }

    private struct Stamp: Equatable {
        var changed: Date
        var compressed: Date?
        var bytes: Int
    }

    /// What is served, by extension. Everything else in the folder is not there for a client.
    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
    ]

    private let root: URL
    private let kept = Mutex<[String: (stamp: Stamp, file: File)]>([:])

    /// - Parameter root: the folder `web`.
    package init(root: URL) { self.root = root.resolvingSymlinksInPath() }

    /// - Parameter path: below the folder, with `/`, as it stands in the URL.
    /// - Returns: nil for everything that is not a file of the page.
    package func file(_ path: some StringProtocol) -> File? {
        guard let type = Self.type(of: path) else { return nil }
        let url = root.appending(path: path)
        // A link out of the folder leads nowhere.
        guard url.resolvingSymlinksInPath().path == url.path, let stamp = Self.stamp(of: url) else { return nil }
        let name = String(path)
        if let found = kept.withLock({ $0[name] }), found.stamp == stamp { return found.file }
        guard let data = try? Data(contentsOf: url) else { return nil }
        let gzip = stamp.compressed.flatMap { _ in try? Data(contentsOf: url.appendingPathExtension("gz")) }
        let file = File(
            bytes: ByteBuffer(bytes: data), gzip: gzip.map { ByteBuffer(bytes: $0) },
            digest: SHA256.hash(data: data).prefix(12).hex, type: type,
            isImmutable: name.wholeMatch(of: /vendor\/.*-[0-9a-f]{8}\.js/) != nil)
        kept.withLock { $0[name] = (stamp, file) }
        return file
    }

    /// The content type of a path that may be asked for: a few plain names and a known extension. Nothing that could
    /// climb out of the folder, and nothing hidden, is such a path.
    static func type(of path: some StringProtocol) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...4).contains(parts.count) else { return nil }
        for part in parts {
            guard let first = part.first, first != ".", part.utf8.count <= 100,
                part.utf8.allSatisfy({ ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D || $0 == 0x2E })
            else { return nil }
        }
        guard let dot = parts[parts.count - 1].lastIndex(of: ".") else { return nil }
        return types[String(parts[parts.count - 1][dot...].dropFirst())]
    }

    private static func stamp(of url: URL) -> Stamp? {
        func entry(_ path: String) -> (date: Date, bytes: Int)? {
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: path), attributes[.type] as? FileAttributeType == .typeRegular,
                let date = attributes[.modificationDate] as? Date, let bytes = attributes[.size] as? Int
            else { return nil }
            return (date, bytes)
        }
        guard let file = entry(url.path) else { return nil }
        let gzip = entry(url.path + ".gz").flatMap { $0.date >= file.date ? $0.date : nil }
        return Stamp(changed: file.date, compressed: gzip, bytes: file.bytes)
    }
}
