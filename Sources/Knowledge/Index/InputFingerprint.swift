import Crypto
import Domain
import Foundation

/// A hash of everything that decides what a build makes: content and names of the sources, settings,
/// embedder, layout version. Two builds with the same fingerprint make the same collection.
enum InputFingerprint {
    private static let blockBytes = 1 << 20

    static func compute(
        _ sources: [DocumentSource], settings: ChunkingSettings, embedder: EmbedderIdentity,
        update: (previous: String, strategy: CollectionUpdate.Strategy)? = nil
    ) throws -> String {
        var hasher = SHA256()
        func add(_ text: String) {
            // The length first, or "ab","c" and "a","bc" would be one.
            hasher.update(data: Data("\(text.utf8.count):\(text)".utf8))
        }
        add(ChunkDatabase.formatVersion)
        add(try ChunkDatabase.json(settings))
        add(embedder.model)
        add("\(embedder.dimension) \(embedder.maxTokens)")
        if let update {
            add(update.previous)
            add(try ChunkDatabase.json(update.strategy))
        }
        for source in sources {
            add("\(source.tags) \(source.date?.description ?? "") \(source.kind ?? "")")
            let url = source.url.resolvingSymlinksInPath()
            if FileTree.isDirectory(url) {
                for path in try FileTree.files(under: url) {
                    add(path)
                    add(try digest(url.appendingPathComponent(path)))
                }
            } else {
                add(source.name)
                add(try digest(url))
            }
        }
        return hasher.finalize().hex
    }

    /// An unreadable file is a problem of the build, reported there; here it only counts as such.
    private static func digest(_ url: URL) throws -> String {
        guard let handle = try? FileHandle(forReadingFrom: url) else { return "unreadable" }
        defer { try? handle.close() }
        var hasher = SHA256()
        while let block = try handle.read(upToCount: blockBytes), !block.isEmpty {
            try Task.checkCancellation()
            hasher.update(data: block)
        }
        return hasher.finalize().hex
    }
}
