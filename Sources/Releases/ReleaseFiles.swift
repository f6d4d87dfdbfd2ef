import Files
import Foundation
import Knowledge
import LocalModels
import Store

/// Which files a release is made of, and which models it needs.
package struct ReleaseFiles: Sendable {
    let data: DataDirectory
    let engine: EnginePaths

    package init(data: DataDirectory, engine: EnginePaths) {
        self.data = data
        self.engine = engine
    }

    /// A file and the name it has in an archive.
    struct Entry: Sendable {
        var name: String
        var url: URL
    }

    /// What the trainer leaves for the job alone: paths of this machine, and how it ended.
    private static let ofTheJob: Set<String> = ["job.json", "exit.json"]
    static let served = "adapter/adapter.gguf"

    /// Of an adapter's folder: what serves it, what lies beside it for answers, and what trains it on; nothing of the job.
    func adapter(_ folder: URL) throws -> [Entry] {
        let own = try Self.files(in: folder).filter { !Self.ofTheJob.contains($0.lastPathComponent) }
            .map { Entry(name: "adapter/\($0.lastPathComponent)", url: $0) }
        return try own + Self.files(in: folder.appending(path: "peft")).map { Entry(name: "adapter/peft/\($0.lastPathComponent)", url: $0) }
    }

    /// The address of what lies beside an adapter for answers; nil where nothing does.
    static func companions(_ files: [(name: String, sha256: String)]) -> String? {
        let companions = files.filter { $0.name.hasPrefix("adapter/") && $0.name != served && !$0.name.hasPrefix("adapter/peft/") }
        return companions.isEmpty ? nil : FileHash.joint(companions)
    }

    package func companions(_ folder: URL) async throws -> String? {
        let entries = try adapter(folder)
        return try await BlockingExecutor.run { Self.companions(try entries.map { ($0.name, try FileHash.of($0.url).sha256) }) }
    }

    /// Of a collection whose address is over its files as they lie on the disk, as earlier versions had it.
    func collection(_ folder: URL) throws -> [Entry] {
        try Self.files(in: folder).filter { !$0.lastPathComponent.hasSuffix(".lock") }.map {
            Entry(name: "collection/\($0.lastPathComponent)", url: $0)
        }
    }

    /// A collection version in its plain form; what is not there yet is written into `scratch`.
    func plainCollection(_ folder: URL, scratch: URL) async throws -> [Entry] {
        try await BlockingExecutor.run {
            try PlainCollection.write(folder, into: scratch).map { Entry(name: "collection/\($0.lastPathComponent)", url: $0) }
        }
    }

    /// The address of a collection version: one hash over the files of its plain form.
    package func collectionHash(_ folder: URL, scratch: URL) async throws -> String {
        let entries = try await plainCollection(folder, scratch: scratch)
        return try await BlockingExecutor.run { try Self.joint(entries) }
    }

    /// One hash over files and their names below `collection/`.
    static func joint(_ entries: [Entry]) throws -> String {
        FileHash.joint(try entries.map { ($0.url.lastPathComponent, try FileHash.of($0.url).sha256) })
    }

    /// The base model as it is here; nil where it is not.
    package func base(_ name: String) async throws -> ReleaseContent.Model? { try await model(name, "gguf") }

    /// The embedder as it is here; nil where it is not, or is a provider's.
    package func embedder(_ name: String) async throws -> ReleaseContent.Model? { try await model(name, "onnx") }

    /// `models/NAME/` with a file of the kind, or `models/NAME.kind`.
    private func model(_ name: String, _ kind: String) async throws -> ReleaseContent.Model? {
        // A name from elsewhere must not lead out of the models' folder.
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.contains("\0") else { return nil }
        let inside = try Self.files(in: engine.models.appending(path: name).resolvingSymlinksInPath()).first { $0.pathExtension == kind }
        let url = inside ?? engine.models.appending(path: "\(name).\(kind)")
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        return .init(name: name, sha256: try await FileHash.ofModel(url.resolvingSymlinksInPath()))
    }

    /// Regular files of a folder, by name; none of a folder that is not there.
    private static func files(in folder: URL) throws -> [URL] {
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.isRegularFileKey])
            .filter { (try? $0.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
    }
}
