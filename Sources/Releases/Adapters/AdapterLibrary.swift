import Calls
import Files
import Foundation
import LocalModels
import Store

/// Adapters that come from elsewhere and go elsewhere.
public struct AdapterLibrary: Sendable {
    /// A form an adapter leaves in.
    public enum Form: String, Sendable, CaseIterable {
        /// PEFT's folder as a zip.
        case peft
        /// As llama.cpp loads it.
        case gguf
        /// The base with the adapter in its weights, as a zip of a Hugging Face folder.
        case mergedFolder
        /// The same as one GGUF file.
        case mergedGGUF
    }

    let store: Store
    let data: DataDirectory
    let engine: EnginePaths
    /// Shared by all that is imported or exported at a time.
    let imports: FairGate
    let exports: FairGate
    /// Largest import in bytes.
    public let maxBytes: Int

    public init(store: Store, data: DataDirectory, engine: EnginePaths, imports: FairGate, exports: FairGate, maxBytes: Int) {
        self.store = store
        self.data = data
        self.engine = engine
        self.imports = imports
        self.exports = exports
        self.maxBytes = maxBytes
    }

    /// Why no adapter of this base model can be taken; nil where one can.
    public func refusal(of base: String) -> LocalModelError? {
        do {
            _ = try BaseModels(paths: engine).find(base)
            return nil
        } catch { return error as? LocalModelError }
    }

    /// Checks an adapter against its base and makes it a release of the minion; the collection of the release before stays.
    /// - Throws: `LocalModelError`, ``UploadTooLarge``, ``LimitExceeded``; nothing is left behind then.
    public func take<Bytes: AsyncSequence>(
        _ bytes: Bytes, base name: String?, minionID: String, promotes: Bool, user: String, room: StorageReservation
    ) async throws -> (Adapter, Release) where Bytes.Element: Sequence<UInt8> {
        let base = try BaseModels(paths: engine).find(name)
        let working = try WorkingFolder(data, user: user)
        defer { working.remove() }
        let file = working.url.appending(path: "incoming")
        _ = try await Upload.receive(bytes, into: file, maxBytes: maxBytes, room: room)
        let folder = working.url.appending(path: "adapter")
        let imported = try await imports.withPlace(user) { try await AdapterTool(paths: engine).take(file, base: base, into: folder) }
        let id = RowID.make("ada")
        let final = DataPaths.adapter(id, user: user)
        try working.claims.add([final])
        try data.publish(folder, as: final)
        do {
            let new = ReleaseDraft.NewAdapter(
                id: id, baseModel: base.name, path: final, sha256: imported.sha256, rank: imported.rank, bytes: imported.bytes)
            let release = try await store.user(user).importAdapter(
                new, base: ReleaseFiles(data: data, engine: engine).base(base.name), minionID: minionID, promotes: promotes)
            room.keep()
            return (try await store.user(user).adapter(id), release)
        } catch {
            try? data.remove(final)
            throw error
        }
    }

    /// A file that is gone when it is closed, and its bytes.
    /// - Parameter room: what the file takes of the user's storage while it exists.
    /// - Throws: `LocalModelError`, ``LimitExceeded``, `FairGate.Full`; `CancellationError`.
    public func give(_ adapter: Adapter, as form: Form, room: StorageReservation) async throws -> (file: HeldFile, bytes: Int) {
        let folder = data.url(adapter.path)
        guard FileManager.default.fileExists(atPath: folder.appending(path: "adapter.gguf").path) else {
            throw LocalModelError(code: .adapterMissing, message: "the adapter's files are gone", hint: "train the minion again")
        }
        let tool = AdapterTool(paths: engine)
        let place = try await exports.enter(adapter.userID)
        defer { place.leave() }
        let base = form == .mergedFolder || form == .mergedGGUF ? try BaseModels(paths: engine).find(adapter.baseModel) : nil
        // Before it is written: a merged model is about as large as its base.
        let expected = form == .gguf ? 0 : Self.bytes(of: base.map { URL(filePath: $0.trainingPath) } ?? folder.appending(path: "peft"))
        try room.take(expected)
        let working = try WorkingFolder(data, user: adapter.userID)
        defer { working.remove() }
        let target = working.url.appending(path: "adapter")
        switch form {
        case .peft: try await tool.pack(folder, to: target)
        case .gguf: try FileManager.default.linkItem(at: folder.appending(path: "adapter.gguf"), to: target)
        case .mergedFolder, .mergedGGUF: if let base { try await tool.merge(folder, base: base, gguf: form == .mergedGGUF, to: target) }
        }
        let bytes = (try target.resourceValues(forKeys: [.fileSizeKey])).fileSize ?? 0
        // A link to the adapter's own file takes nothing.
        if form != .gguf { try room.take(max(0, bytes - expected)) }
        return (try HeldFile(target, room), bytes)
    }

    /// Of a file, or of the files in a folder.
    private static func bytes(of place: URL) -> Int {
        let files = (try? FileManager.default.contentsOfDirectory(at: place, includingPropertiesForKeys: [.fileSizeKey])) ?? [place]
        return files.reduce(0) { $0 + ((try? $1.resolvingSymlinksInPath().resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0) }
    }
}
