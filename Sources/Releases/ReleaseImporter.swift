import Answers
import Calls
import Files
import Foundation
import Knowledge
import LocalModels
import Logging
import Store

/// A release from an archive: every hash is checked and every name, the models it needs must be the very ones that are
/// here, and adapter and collection are made anew. Nothing is left behind of one that is refused.
public struct ReleaseImporter: Sendable {
    /// Most files of an archive; ours have about ten.
    static let maxEntries = 1000

    let store: Store
    let data: DataDirectory
    let extractor: any ArchiveExtractor
    let files: ReleaseFiles
    let vectors: VectorServer?
    /// Shared by all that is imported at a time.
    let places: FairGate
    /// Of an archive, packed and unpacked alike.
    public let maxBytes: Int
    let logger: Logger

    /// - Parameter maxBytes: of an archive, packed and unpacked alike.
    public init(
        store: Store, data: DataDirectory, engine: EnginePaths, extractor: any ArchiveExtractor, vectors: VectorServer?, places: FairGate,
        maxBytes: Int,
        logger: Logger
    ) {
        self.store = store
        self.data = data
        self.extractor = extractor
        files = ReleaseFiles(data: data, engine: engine)
        self.vectors = vectors
        self.places = places
        self.maxBytes = maxBytes
        self.logger = logger
    }

    /// - Throws: ``ReleaseArchiveError``, ``UploadTooLarge``, ``LimitExceeded``, `LocalModelError` of an archive that cannot be unpacked.
    public func importRelease<Bytes: AsyncSequence>(
        _ bytes: Bytes, minion: Minion, promotes: Bool, appliesSettings: Bool, room: StorageReservation
    ) async throws -> Release where Bytes.Element: Sequence<UInt8> {
        let working = try WorkingFolder(data, user: minion.userID)
        defer { working.remove() }
        let archive = working.url.appending(path: "archive")
        let upload = try await Upload.receive(bytes, into: archive, maxBytes: maxBytes, room: room)
        guard upload.bytes > 0 else { throw Self.invalid("the body is empty: send the archive") }
        let place = try await places.enter(minion.userID)
        defer { place.leave() }
        let unpacked = try working.folder("unpacked")
        do {
            let notes = try await extractor.unpack(archive, into: unpacked, maxEntries: Self.maxEntries, maxBytes: maxBytes)
            // Nothing of a release may be missing.
            if let left = notes.first(where: { $0.entry != nil }) { throw Self.notExported("unsafe_entry", left.message) }
        } catch let failure as DocumentParseFailure { throw Self.notExported(failure.code, failure.message) }
        try FileManager.default.removeItem(at: archive)
        let (manifest, text) = try await BlockingExecutor.run { try Self.verified(unpacked) }
        let content = try read(text, manifest)
        try await checkModels(content)
        let rebuilt = try await rebuild(unpacked, manifest, text, content, minion, in: working)
        // A packed archive is smaller than what it holds.
        try room.take(max(0, rebuilt.bytes - upload.bytes))
        return try await publish(
            rebuilt, minion, promotes: promotes, appliesSettings: appliesSettings, room: room, claims: working.claims)
    }

    /// Nobody packs a release by hand: what a server exported is sent as it is.
    private static func notExported(_ code: String, _ message: String) -> ReleaseArchiveError {
        ReleaseArchiveError(
            code, message,
            hint:
                "send the file that GET …/releases/{release_id}/archive gives, unchanged; of one that is too large, ask the operator for a higher limit"
        )
    }

    /// The manifest and the text of the content, where every file is there, is listed, and has its hash.
    private static func verified(_ folder: URL) throws -> (ReleaseManifest, String) {
        let file = folder.appending(path: ReleaseManifest.name)
        guard FileManager.default.fileExists(atPath: file.path) else { throw invalid("it has no \(ReleaseManifest.name)") }
        guard let raw = try? BoundedFile.read(file, maxBytes: ReleaseManifest.maxBytes) else {
            throw invalid("its \(ReleaseManifest.name) has more than \(ReleaseManifest.maxBytes >> 20) MiB, or cannot be read")
        }
        let manifest: ReleaseManifest
        do { manifest = try ReleaseManifest.read(raw) } catch { throw invalid("its \(ReleaseManifest.name) cannot be read") }
        guard manifest.format == ReleaseManifest.format, (1...ReleaseManifest.currentVersion).contains(manifest.version) else {
            throw ReleaseArchiveError(
                "archive_version",
                "the archive is \"\(manifest.format)\" version \(manifest.version); this server reads \(ReleaseManifest.format) up to version \(ReleaseManifest.currentVersion)",
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
        guard let content = try? BoundedFile.read(folder.appending(path: ReleaseManifest.contentName), maxBytes: ReleaseManifest.maxContentBytes),
            let text = String(validating: content, as: UTF8.self), ReleaseContent.address(of: text) == manifest.contentSHA256
        else { throw invalid("its \(ReleaseManifest.contentName) is not the one that the release's address stands for") }
        return (manifest, text)
    }

    /// The content, its settings held against the bounds that a request's are.
    private func read(_ text: String, _ manifest: ReleaseManifest) throws -> ReleaseContent {
        struct Layout: Decodable { var format: Int }
        guard (try? JSONDecoder().decode(Layout.self, from: Data(text.utf8)))?.format == 1 else {
            throw ReleaseArchiveError(
                "archive_version", "its \(ReleaseManifest.contentName) is of a layout this server does not know", hint: "upgrade the server")
        }
        let content: ReleaseContent
        do { content = try ReleaseContent.readForeign(text) } catch let error as DecodingError {
            throw ReleaseArchiveError(
                "archive_invalid", "its \(ReleaseManifest.contentName) holds what no release can: \(error.place)",
                hint: "set the minion it comes from right, train it again, and export that release")
        }
        let stray = manifest.files.map(\.path).filter { name in
            name != ReleaseManifest.contentName && !(content.adapter != nil && name.hasPrefix("adapter/"))
                && !(content.collection != nil && name.hasPrefix("collection/"))
        }
        if let stray = stray.min() { throw Self.invalid("it holds \(stray), which no part of the release is made of") }
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

    /// What was made of an archive's parts, still in the working folder.
    private struct Rebuilt {
        var release: ImportedRelease
        var places: [(from: URL, path: String)] = []
        /// What is put in place, and removed again where its rows cannot be written.
        var claimed: [String] = []
        var bytes = 0
    }

    /// Makes every part anew from what could be read of it: no file of the archive is opened by a search or by the
    /// local model. What comes out as it went in keeps the release's address; anything else gets the address of what it is.
    private func rebuild(
        _ unpacked: URL, _ manifest: ReleaseManifest, _ text: String, _ declared: ReleaseContent, _ minion: Minion, in working: WorkingFolder
    ) async throws -> Rebuilt {
        let user = minion.userID
        var content = declared
        var rebuilt = Rebuilt(release: .init(adapter: nil, collection: nil, content: text, evaluation: manifest.evaluation))
        if let part = declared.adapter {
            let (folder, id) = (try working.folder("adapter"), RowID.make("ada"))
            let made = try await adapter(part, manifest, unpacked.appending(path: "adapter"), into: folder)
            let companions = try await files.companions(folder)
            let path = DataPaths.adapter(id, user: user)
            content.adapter?.sha256 = made.sha256
            content.adapter?.rank = made.rank
            content.adapter?.companions = companions
            rebuilt.release.adapter = .init(
                id: id, baseModel: part.baseModel, path: path, sha256: made.sha256, rank: made.rank, bytes: made.bytes, companions: companions)
            rebuilt.places.append((folder, path))
            rebuilt.claimed.append(path)
            rebuilt.bytes += made.bytes
        }
        if let part = declared.collection {
            let (folder, id) = (try working.folder("collection").appending(path: "v1"), RowID.make("col"))
            let summary = try await collection(part, manifest, unpacked.appending(path: "collection"), into: folder, working)
            let address = try await files.collectionHash(folder, scratch: working.folder("plain"))
            content.collection?.sha256 = address
            content.collection?.form = .plain
            rebuilt.release.collection = .init(
                id: id, name: "\(minion.displayName) · \(id.suffix(6))", embedder: part.embedder, dimension: part.dimension, version: 1,
                documentCount: summary.documents, chunkCount: summary.chunks, bytes: summary.bytes, sha256: address)
            rebuilt.places.append((folder, DataPaths.collection(id, version: 1, user: user)))
            rebuilt.claimed.append(DataPaths.collection(id, user: user))
            rebuilt.bytes += summary.bytes
        }
        if content != declared { rebuilt.release.content = try content.canonical() }
        return rebuilt
    }

    /// Reads the served file in a child and writes it anew, with PEFT's form of it; PEFT's files of the archive are not read.
    private func adapter(_ part: ReleaseContent.AdapterPart, _ manifest: ReleaseManifest, _ unpacked: URL, into folder: URL) async throws
        -> AdapterTool.Imported
    {
        let listed = manifest.files.map { ($0.path, $0.sha256) }
        guard listed.first(where: { $0.0 == ReleaseFiles.served })?.1 == part.sha256, ReleaseFiles.companions(listed) == part.companions else {
            throw Self.invalid("its adapter is not the release's")
        }
        let made: AdapterTool.Imported
        do {
            let base = try BaseModels(paths: files.engine).find(part.baseModel)
            made = try await AdapterTool(paths: files.engine).take(unpacked.appending(path: "adapter.gguf"), base: base, into: folder)
        } catch let error as LocalModelError where error.code == .adapterInvalid { throw Self.invalid("its adapter: \(error.message)") }
        do { try await BlockingExecutor.run { try Self.copyCompanions(unpacked, to: folder) } } catch let error as DecodingError {
            throw Self.invalid("what lies beside its adapter cannot be read: \(error)")
        } catch let error as LocatedError { throw Self.invalid("what lies beside its adapter cannot be read: \(error)") }
        return made
    }

    /// What answers and the evaluation read beside an adapter, decoded and written anew; other files stay behind.
    private static func copyCompanions(_ source: URL, to folder: URL) throws {
        if FileManager.default.fileExists(atPath: source.appending(path: "voice.json").path) { try VoiceExamples.read(source).write(to: folder) }
        try RestyleProfile.read(source)?.write(to: folder)
        let losses = source.appending(path: HeldOutLosses.fileName)
        if FileManager.default.fileExists(atPath: losses.path) {
            // The trainer's own form of it stays, since the release's address is over its bytes.
            let data = try BoundedFile.read(losses, maxBytes: HeldOutLosses.maxBytes)
            _ = try JSONDecoder().decode(HeldOutLosses.self, from: data)
            try data.write(to: folder.appending(path: HeldOutLosses.fileName))
        }
    }

    /// Reads the collection's files in a child and builds another from what was found.
    private func collection(
        _ part: ReleaseContent.CollectionPart, _ manifest: ReleaseManifest, _ unpacked: URL, into folder: URL, _ working: WorkingFolder
    ) async throws -> CollectionSummary {
        let prefix = "collection/"
        let listed = manifest.files.filter { $0.path.hasPrefix(prefix) }.map { (name: String($0.path.dropFirst(prefix.count)), sha256: $0.sha256) }
        guard part.sha256 == nil || FileHash.joint(listed) == part.sha256 else { throw Self.invalid("its collection is not the release's") }
        let checked = try working.folder("checked")
        let found: CollectionTool.Checked
        do { found = try await CollectionTool(paths: files.engine).check(unpacked, into: checked, maxBytes: maxBytes) } catch let error
            as LocalModelError where error.code == .collectionInvalid
        { throw Self.invalid(error.message) }
        guard found.dimension == part.dimension, found.chunks == part.chunks, found.documents == part.documents else {
            throw Self.invalid("its collection is not the one that \(ReleaseManifest.contentName) describes")
        }
        // Read for good.
        try FileManager.default.removeItem(at: unpacked)
        let fingerprint = FileHash.joint(listed)
        let summary: CollectionSummary
        do {
            summary = try await BlockingExecutor.run { try PlainCollection.build(checked, into: folder, fingerprint: fingerprint) }
        } catch let error as KnowledgeError where !DiskFull.isCause(of: error) { throw Self.invalid(error.message) }
        try FileManager.default.removeItem(at: checked)
        guard summary.embedder.model == part.embedder else {
            throw Self.invalid("its collection is not the one that \(ReleaseManifest.contentName) describes")
        }
        return summary
    }

    private func publish(
        _ rebuilt: Rebuilt, _ minion: Minion, promotes: Bool, appliesSettings: Bool, room: StorageReservation, claims: FileClaims
    ) async throws -> Release {
        let user = minion.userID
        do {
            try claims.add(rebuilt.claimed)
            for place in rebuilt.places { try data.publish(place.from, as: place.path) }
            let release = try await store.user(user).importRelease(
                rebuilt.release, minionID: minion.id, promotes: promotes, appliesSettings: appliesSettings)
            room.keep()
            await copy(rebuilt.release.collection, user: user)
            return release
        } catch {
            // Rows last: what was moved belongs to nobody.
            for path in rebuilt.claimed { try? data.remove(path) }
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

extension DecodingError {
    /// The field and what is wrong with it: `settings.pipeline.top_k must be from 1 to 20`.
    fileprivate var place: String {
        let (context, key): (Context, (any CodingKey)?) =
            switch self {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): (context, nil)
            case .keyNotFound(let key, let context): (context, key)
            @unknown default: (Context(codingPath: [], debugDescription: "cannot be read"), nil)
            }
        let path = (context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue).joined(separator: ".")
        return "\(path) \(key == nil ? context.debugDescription : "is missing")"
    }
}
