import Crypto
import Foundation
import Knowledge
import Store

/// From an upload's bytes to a dataset row: streamed to disk, hashed, validated, then named.
public struct DatasetImporter: Sendable {
    let store: Store
    let data: DataDirectory
    let extractor: any ArchiveExtractor
    let parser: any DocumentParser
    /// Largest upload in bytes.
    public let maxBytes: Int

    public init(store: Store, data: DataDirectory, extractor: any ArchiveExtractor, parser: any DocumentParser, maxBytes: Int) {
        self.store = store
        self.data = data
        self.extractor = extractor
        self.parser = parser
        self.maxBytes = maxBytes
    }

    /// What the user said of the file.
    public struct Description: Sendable {
        public var name: String
        public var kind: Dataset.Kind
        public var fileName: String
        public var text: String?

        public init(name: String, kind: Dataset.Kind, fileName: String, text: String? = nil) {
            self.name = name
            self.kind = kind
            self.fileName = fileName
            self.text = text
        }
    }

    /// - Throws: ``DatasetInvalid``, ``UploadTooLarge``, ``LimitExceeded``; nothing is left behind then.
    public func importDataset<Bytes: AsyncSequence>(_ description: Description, bytes: Bytes, user: String, room: StorageReservation) async throws
        -> Dataset
    where Bytes.Element: Sequence<UInt8> {
        let uploads = try data.folder("\(DataPaths.user(user))/uploads")
        let staging = uploads.appending(path: UUID().uuidString)
        let parsed = URL(filePath: staging.path + ".parsed")
        defer {
            try? FileManager.default.removeItem(at: staging)
            try? FileManager.default.removeItem(at: parsed)
        }
        let (size, sha256) = try await receive(bytes, into: staging, room: room)
        guard size > 0 else {
            throw DatasetInvalid(
                message: "the file is empty",
                problems: [DatasetProblem(code: "empty_file", message: "0 bytes received", hint: "send the file as the request's body")])
        }
        let (samples, metadata) = try await inspect(staging, description, parsed: parsed)
        let path = DataPaths.dataset(sha256: sha256, user: user)
        // The row last: a row without its file must not exist. The same content twice is one file.
        if !FileManager.default.fileExists(atPath: data.url(path).path) { try data.publish(staging, as: path) }
        let text = DataPaths.documents(sha256: sha256, name: description.fileName, user: user)
        if description.kind == .rag, !FileManager.default.fileExists(atPath: data.url(text).path) { try data.publish(parsed, as: text) }
        do {
            let dataset = try await store.user(user).createDataset(
                DatasetDraft(
                    datasetName: description.name, datasetType: description.kind, filePath: path, fileName: description.fileName,
                    sampleCount: samples,
                    metadata: metadata, sha256: sha256, bytes: size))
            room.keep()
            return dataset
        } catch {
            for path in [path, text] where try await !store.user(user).refersToFile(path) { try? data.remove(path) }
            throw error
        }
    }

    public func delete(_ id: String, user: String) async throws {
        for path in try await store.user(user).deleteDataset(id) { try data.remove(path) }
    }

    private func receive<Bytes: AsyncSequence>(_ bytes: Bytes, into file: URL, room: StorageReservation) async throws -> (Int, String)
    where Bytes.Element: Sequence<UInt8> {
        _ = FileManager.default.createFile(atPath: file.path, contents: nil, attributes: [.posixPermissions: 0o600])
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        var hash = SHA256()
        var size = 0
        for try await chunk in bytes {
            let data = Data(chunk)
            size += data.count
            if size > maxBytes { throw UploadTooLarge(limit: maxBytes) }
            try room.take(data.count)
            hash.update(data: data)
            try handle.write(contentsOf: data)
        }
        return (size, hash.finalize().map { String(format: "%02x", $0) }.joined())
    }

    private func inspect(_ file: URL, _ description: Description, parsed: URL) async throws -> (Int, DatasetMetadata) {
        switch description.kind {
        case .jsonl:
            let found = try ChatFile(file).read()
            return (found.examples, DatasetMetadata(replies: found.replies, description: description.text))
        case .rag:
            return try await inspectDocuments(file, description, into: parsed)
        case .custom:
            return (0, DatasetMetadata(description: description.text))
        }
    }

    /// Reads every document once and for all; what is built later begins with their text.
    private func inspectDocuments(_ file: URL, _ description: Description, into parsed: URL) async throws -> (Int, DatasetMetadata) {
        let scratch = URL(filePath: file.path + ".unpacked")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: scratch) }
        do {
            let (documents, problems) = try await ParsedDocuments.write(
                DocumentSource(file, name: description.fileName), into: parsed, extractor: extractor, parser: parser, scratch: scratch)
            let lines = problems.prefix(100).map { "\($0.name): \($0.message)" }
            return (documents, DatasetMetadata(problems: lines.isEmpty ? nil : lines, description: description.text))
        } catch KnowledgeError.nothingReadable(let problems) {
            throw DatasetInvalid(
                message: "no readable document in the file",
                problems: problems.prefix(100).map { DatasetProblem(field: $0.name, code: $0.code, message: $0.message, hint: $0.hint) },
                count: problems.count)
        }
    }
}

/// The upload passed the limit; what had arrived is gone.
public struct UploadTooLarge: Error, Sendable {
    public var limit: Int
}
