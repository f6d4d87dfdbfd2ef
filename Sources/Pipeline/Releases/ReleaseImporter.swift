import Foundation
import Knowledge
import LocalModels
import Logging
import Store

/// A release from an archive: every hash is checked and every name, and the models it needs must be the very ones
/// that are here. Nothing is left behind of one that is refused.
public struct ReleaseImporter: Sendable {
    /// Most files of an archive; ours have about ten.
    static let maxEntries = 1000

    let store: Store
    let data: DataDirectory
    let extractor: any ArchiveExtractor
    let files: ReleaseFiles
    let vectors: VectorServer?
    let maxBytes: Int
    let logger: Logger

    /// - Parameter maxBytes: of an archive, packed and unpacked alike.
    public init(
        store: Store, data: DataDirectory, engine: EnginePaths, extractor: any ArchiveExtractor, vectors: VectorServer?, maxBytes: Int, logger: Logger
    ) {
        self.store = store
        self.data = data
        self.extractor = extractor
        files = ReleaseFiles(data: data, engine: engine)
        self.vectors = vectors
        self.maxBytes = maxBytes
        self.logger = logger
    }

    /// - Throws: ``ReleaseArchiveError``, ``UploadTooLarge``, ``LimitExceeded``, `LocalModelError` of an archive that cannot be unpacked.
    public func importRelease<Bytes: AsyncSequence>(
        _ bytes: Bytes, minion: Minion, promotes: Bool, appliesSettings: Bool, room: StorageReservation
    ) async throws -> Release where Bytes.Element: Sequence<UInt8> {
        let folder = try data.folder("\(DataPaths.user(minion.userID))/uploads/\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let archive = folder.appending(path: "archive")
        let upload = try await Upload.receive(bytes, into: archive, maxBytes: maxBytes, room: room)
        guard upload.bytes > 0 else { throw Self.invalid("the body is empty: send the archive") }
        let unpacked = folder.appending(path: "unpacked")
        try FileManager.default.createDirectory(at: unpacked, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        do { try await extractor.extract(archive, into: unpacked, maxEntries: Self.maxEntries, maxBytes: maxBytes) } catch let error
            as LocalModelError
            where !["engine_missing", "disk_full", "io_error", "archive_unreadable"].contains(error.code)
        {
            throw ReleaseArchiveError(error.code, error.message, hint: error.hint ?? "export it again with GET …/releases/{release_id}/archive")
        }
        let (manifest, text) = try await BlockingExecutor.run { try Self.verified(unpacked) }
        let content = try read(text)
        try await checkModels(content)
        return try await publish(unpacked, manifest, text, content, minion, promotes: promotes, appliesSettings: appliesSettings, room: room)
    }

    /// The manifest and the text of the content, where every file is there, is listed, and has its hash.
    private static func verified(_ folder: URL) throws -> (ReleaseManifest, String) {
        let file = folder.appending(path: ReleaseManifest.name)
        guard let raw = try? Data(contentsOf: file) else { throw invalid("it has no \(ReleaseManifest.name)") }
        let manifest: ReleaseManifest
        do { manifest = try ReleaseManifest.read(raw) } catch { throw invalid("its \(ReleaseManifest.name) cannot be read") }
        guard manifest.format == ReleaseManifest.format, manifest.version == 1 else {
            throw ReleaseArchiveError(
                "archive_version",
                "the archive is \"\(manifest.format)\" version \(manifest.version); this server reads \(ReleaseManifest.format) version 1",
                hint: "upgrade the server, or export again with one of its version")
        }
        let present = Set(try names(folder)).subtracting([ReleaseManifest.name])
        let listed = Set(manifest.files.map(\.path))
        if let more = present.subtracting(listed).min() { throw invalid("it holds \(more), which its manifest does not list") }
        if let less = listed.subtracting(present).min() { throw invalid("\(less) is missing") }
        for entry in manifest.files {
            let (sha256, bytes) = try FileHash.of(folder.appending(path: entry.path))
            guard bytes == entry.bytes, sha256 == entry.sha256 else { throw invalid("\(entry.path) is not what its manifest says: its hash differs") }
        }
        guard let text = try? String(contentsOf: folder.appending(path: ReleaseManifest.contentName), encoding: .utf8),
            ReleaseContent.address(of: text) == manifest.contentSHA256
        else { throw invalid("its \(ReleaseManifest.contentName) is not the one that the release's address stands for") }
        return (manifest, text)
    }

    private func read(_ text: String) throws -> ReleaseContent {
        guard let content = try? ReleaseContent.read(text), content.format == 1 else {
            throw ReleaseArchiveError(
                "archive_version", "its \(ReleaseManifest.contentName) is of a layout this server does not know", hint: "upgrade the server")
        }
        return content
    }

    /// Another base model would speak with another voice under the same name, and vectors of another embedder mean nothing.
    private func checkModels(_ content: ReleaseContent) async throws {
        if let adapter = content.adapter {
            try Self.check("base model", wanted: content.base, name: adapter.baseModel, here: await files.base(adapter.baseModel))
        }
        // A provider's embedder has no file: its name is all there is, and questions are embedded by it.
        if let collection = content.collection, !collection.embedder.contains("/") {
            try Self.check("embedder", wanted: content.embedder, name: collection.embedder, here: await files.embedder(collection.embedder))
        }
    }

    private static func check(_ what: String, wanted: ReleaseContent.Model?, name: String, here: ReleaseContent.Model?) throws {
        guard let here else {
            throw ReleaseArchiveError(
                "model_missing", "the release needs the \(what) \"\(name)\", which this server does not have", hint: "install it, then import again")
        }
        guard let wanted, wanted != here else { return }
        throw ReleaseArchiveError(
            "model_mismatch",
            "the release was made with the \(what) \"\(wanted.name)\" (\(wanted.sha256.prefix(12))); this server's \"\(here.name)\" is another (\(here.sha256.prefix(12)))",
            hint: "install the same model file, or train the minion here")
    }

    private func publish(
        _ unpacked: URL, _ manifest: ReleaseManifest, _ text: String, _ content: ReleaseContent, _ minion: Minion, promotes: Bool,
        appliesSettings: Bool, room: StorageReservation
    ) async throws -> Release {
        let user = minion.userID
        let hashes = Dictionary(manifest.files.map { ($0.path, $0.sha256) }, uniquingKeysWith: { $1 })
        var imported = ImportedRelease(adapter: nil, collection: nil, content: text, evaluation: manifest.evaluation)
        var places: [(from: URL, path: String)] = []
        if let part = content.adapter {
            let folder = unpacked.appending(path: "adapter")
            let served = folder.appending(path: "adapter.gguf")
            guard hashes[ReleaseFiles.served] == part.sha256,
                ReleaseFiles.companions(manifest.files.map { ($0.path, $0.sha256) }) == part.companions,
                try FileHandle(forReadingFrom: served).read(upToCount: 4) == Data("GGUF".utf8)
            else {
                throw Self.invalid("its adapter is not the release's")
            }
            let id = RowID.make("ada")
            let bytes = try served.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
            imported.adapter = .init(
                id: id, baseModel: part.baseModel, path: DataPaths.adapter(id, user: user), sha256: part.sha256, rank: part.rank, bytes: bytes,
                companions: part.companions)
            places.append((folder, DataPaths.adapter(id, user: user)))
        }
        if let part = content.collection {
            let folder = unpacked.appending(path: "collection")
            if let sha256 = part.sha256 {
                guard try await files.collectionHash(folder) == sha256 else { throw Self.invalid("its collection is not the release's") }
            }
            let summary = try CollectionIndex.open(folder).summary
            guard summary.embedder.model == part.embedder, summary.embedder.dimension == part.dimension, summary.chunks == part.chunks else {
                throw Self.invalid("its collection is not the one that \(ReleaseManifest.contentName) describes")
            }
            let id = RowID.make("col")
            imported.collection = .init(
                id: id, name: "\(minion.displayName) · \(id.suffix(6))", embedder: part.embedder, dimension: part.dimension, version: 1,
                documentCount: part.documents, chunkCount: part.chunks, bytes: summary.bytes, sha256: part.sha256)
            places.append((folder, DataPaths.collection(id, version: 1, user: user)))
        }
        guard
            hashes.keys.allSatisfy({ name in
                name == ReleaseManifest.contentName || (content.adapter != nil && name.hasPrefix("adapter/"))
                    || (content.collection != nil && name.hasPrefix("collection/"))
            })
        else { throw Self.invalid("it holds files that no part of the release is made of") }
        do {
            for place in places { try data.publish(place.from, as: place.path) }
            let release = try await store.user(user).importRelease(
                imported, minionID: minion.id, promotes: promotes, appliesSettings: appliesSettings)
            room.keep()
            await copy(imported.collection, user: user)
            return release
        } catch {
            // Rows last: what was moved belongs to nobody.
            for place in places { try? data.remove(place.path) }
            throw error
        }
    }

    /// Into the vector server, where there is one; without it the files here are searched.
    private func copy(_ collection: ReleaseDraft.NewCollection?, user: String) async {
        guard let vectors, let collection else { return }
        do {
            let index = try CollectionIndex.open(data.url(DataPaths.collection(collection.id, version: collection.version, user: user)))
            try await vectors.load(index, collection: collection.id, version: collection.version, user: user)
        } catch { logger.warning("the vector server has not taken an imported collection: \(error)") }
    }

    private static func names(_ folder: URL) throws -> [String] {
        let root = folder.resolvingSymlinksInPath().path + "/"
        guard let all = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: [.isRegularFileKey]) else { return [] }
        return all.compactMap { $0 as? URL }.filter { (try? $0.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true }
            .map { String($0.resolvingSymlinksInPath().path.dropFirst(root.count)) }
    }

    private static func invalid(_ message: String) -> ReleaseArchiveError {
        ReleaseArchiveError(
            "archive_invalid", "this is no archive of a release: \(message)", hint: "export it again with GET …/releases/{release_id}/archive")
    }
}
