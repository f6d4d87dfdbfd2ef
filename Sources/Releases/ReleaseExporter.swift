import Files
import Foundation
import LocalModels
import Store

/// A release as one tar archive, read while it is sent.
public struct ReleaseExporter: Sendable {
    let store: Store
    let data: DataDirectory
    let files: ReleaseFiles
    /// Shared by all exports that are made at a time.
    let places: FairGate

    public init(store: Store, data: DataDirectory, engine: EnginePaths, places: FairGate) {
        self.places = places
        self.store = store
        self.data = data
        files = ReleaseFiles(data: data, engine: engine)
    }

    /// An archive whose files are open: what is deleted from now on is still sent.
    public final class Archive: Sendable {
        /// Of the whole archive.
        public let bytes: Int
        private let parts: [Part]

        enum Part: Sendable {
            case data(Data)
            case file(FileHandle, bytes: Int)
        }

        init(parts: [Part]) {
            self.parts = parts
            bytes = parts.reduce(0) { sum, part in
                switch part {
                case .data(let data): sum + data.count
                case .file(_, let bytes): sum + bytes
                }
            }
        }

        /// Calls `body` with one block after the other, and closes the files.
        public func forEachBlock(_ body: (Data) async throws -> Void) async throws {
            defer { close() }
            for part in parts {
                switch part {
                case .data(let data): try await body(data)
                case .file(let handle, let bytes):
                    var left = bytes
                    while left > 0 {
                        let block = try await BlockingExecutor.run { [left] in try handle.read(upToCount: min(left, 1 << 20)) ?? Data() }
                        guard !block.isEmpty else {
                            throw ReleaseArchiveError(
                                "release_damaged", "a file has become shorter while it was read", hint: "ask for the archive again", isOurs: true)
                        }
                        left -= block.count
                        try await body(block)
                    }
                }
            }
        }

        private func close() { for case .file(let handle, _) in parts { try? handle.close() } }

        deinit { close() }
    }

    /// - Throws: ``ReleaseArchiveError`` where the release has no address, or its files are not those it was made of.
    public func archive(_ release: Release, user: String) async throws -> Archive {
        guard let text = release.content, let address = release.contentSHA256, let content = try release.readContent() else {
            throw ReleaseArchiveError(
                "release_not_exportable", "release \(release.number) was made before releases could be exported", hint: "train the minion again",
                isOurs: true)
        }
        let rows = store.user(user)
        var entries: [ReleaseFiles.Entry] = []
        var parts = ReleaseManifest.Parts()
        // What earlier servers can read stays in the form they read.
        var archiveVersion = 1
        if content.adapter != nil {
            guard let id = release.adapterID else { throw Self.gone("adapter", release) }
            let adapter = try await rows.adapter(id)
            entries += try files.adapter(data.url(adapter.path))
            parts.adapterBytes = adapter.bytes
        }
        // Holds the plain form until its files are open.
        let working = try WorkingFolder(data, user: user)
        defer { working.remove() }
        if let part = content.collection {
            guard let id = release.collectionID, let version = release.collectionVersion else { throw Self.gone("collection", release) }
            let folder = data.url(DataPaths.collection(id, version: version, user: user))
            let isPlain = part.sha256 == nil || part.form == .plain
            entries += try isPlain ? await files.plainCollection(folder, scratch: working.folder("plain")) : files.collection(folder)
            if isPlain { archiveVersion = ReleaseManifest.currentVersion }
            parts.collectionBytes = try await rows.collection(id).bytes
        }
        let (found, named, version) = (entries, parts, archiveVersion)
        // Every byte is read for its hash.
        let place = try await places.enter(user)
        defer { place.leave() }
        return try await BlockingExecutor.run {
            var listed: [ReleaseManifest.File] = [.init(path: ReleaseManifest.contentName, bytes: text.utf8.count, sha256: address)]
            var body: [Archive.Part] = []
            try Self.append(ReleaseManifest.contentName, .data(Data(text.utf8)), text.utf8.count, release.createdAt, to: &body)
            for entry in found {
                // Opened first: what is hashed is what is sent.
                let handle = try FileHandle(forReadingFrom: entry.url)
                let (sha256, bytes) = try FileHash.of(entry.url)
                listed.append(.init(path: entry.name, bytes: bytes, sha256: sha256))
                try Self.append(entry.name, .file(handle, bytes: bytes), bytes, release.createdAt, to: &body)
            }
            try Self.check(listed, against: content, release)
            let manifest = try ReleaseManifest(
                version: version, contentSHA256: address, number: release.number, createdAt: release.createdAt, evaluation: release.evaluation,
                parts: named,
                files: listed
            ).encoded()
            var archive: [Archive.Part] = []
            try Self.append(ReleaseManifest.name, .data(manifest), manifest.count, release.createdAt, to: &archive)
            return Archive(parts: archive + body + [.data(Data(count: 2 * TarHeader.block))])
        }
    }

    private static func append(_ name: String, _ part: Archive.Part, _ bytes: Int, _ time: Date, to parts: inout [Archive.Part]) throws {
        guard let header = TarHeader.make(name: name, bytes: bytes, at: time) else {
            throw ReleaseArchiveError(
                "release_not_exportable", "\(name) does not fit into a tar archive", hint: "a file may have 8 GiB", isOurs: true)
        }
        parts += [.data(Data(header)), part, .data(Data(count: TarHeader.padding(after: bytes)))]
    }

    /// An archive of damaged files would be refused wherever it is imported; better said here.
    private static func check(_ listed: [ReleaseManifest.File], against content: ReleaseContent, _ release: Release) throws {
        let adapter = listed.first { $0.path == ReleaseFiles.served }?.sha256
        let companions = ReleaseFiles.companions(listed.map { ($0.path, $0.sha256) })
        let collection = FileHash.joint(
            listed.filter { $0.path.hasPrefix("collection/") }.map { (String($0.path.dropFirst("collection/".count)), $0.sha256) })
        guard content.adapter?.sha256 == adapter, content.adapter?.companions == companions,
            content.collection?.sha256 == nil || content.collection?.sha256 == collection
        else {
            throw ReleaseArchiveError(
                "release_damaged", "the files of release \(release.number) are not those it was made of",
                hint: "restore them from a backup, or train again", isOurs: true)
        }
    }

    private static func gone(_ part: String, _ release: Release) -> ReleaseArchiveError {
        ReleaseArchiveError(
            "release_not_exportable", "the \(part) of release \(release.number) was deleted", hint: "export another release", isOurs: true)
    }
}
