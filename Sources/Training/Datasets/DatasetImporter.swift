import Calls
import Datasets
import Domain
import Files
import Foundation
import Knowledge
import LocalModels
import Store

/// From an upload's bytes to a dataset row: streamed to disk, hashed, checked, then named.
public struct DatasetImporter: Sendable {
    let store: Store
    let data: DataDirectory
    let extractor: any ArchiveExtractor
    let parser: any DocumentParser
    let parquet: ParquetTool
    /// Shared by all uploads that are being read.
    let places: FairGate
    /// Largest upload in bytes.
    public let maxBytes: Int

    public init(
        store: Store, data: DataDirectory, extractor: any ArchiveExtractor, parser: any DocumentParser, parquet: ParquetTool, places: FairGate,
        maxBytes: Int
    ) {
        self.store = store
        self.data = data
        self.extractor = extractor
        self.parser = parser
        self.parquet = parquet
        self.places = places
        self.maxBytes = maxBytes
    }

    /// What the user said of the file.
    public struct Description: Sendable {
        public var name: String
        public var kind: Dataset.Kind
        public var fileName: String
        public var text: String?
        public var reading: ChatReading
        /// Of documents: what all of them are called by, and their day.
        public var tags: [String]
        public var date: CalendarDate?

        public init(
            name: String, kind: Dataset.Kind, fileName: String, text: String? = nil, reading: ChatReading = .init(), tags: [String] = [],
            date: CalendarDate? = nil
        ) {
            self.name = name
            self.kind = kind
            self.fileName = fileName
            self.text = text
            self.reading = reading
            self.tags = tags
            self.date = date
        }
    }

    /// How new content is joined to what a dataset holds.
    public enum Change: String, Sendable, CaseIterable {
        /// The new content alone.
        case replace
        /// Behind the old, also what is there already.
        case append
        /// Of the new what is not there yet, by content.
        case merge
    }

    /// - Throws: ``DatasetRefused``, ``UploadTooLarge``, ``LimitExceeded``; nothing is left behind then.
    public func importDataset<Bytes: AsyncSequence>(_ description: Description, bytes: Bytes, user: String, room: StorageReservation) async throws
        -> Dataset
    where Bytes.Element: Sequence<UInt8> {
        try await withStaging(user) { staging in
            let received = try await receive(bytes, into: staging.file, room: room)
            let place = try await places.enter(user)
            defer { place.leave() }
            try await unpackParquet(staging, description.kind)
            let draft = try await inspect(staging, description, received, user: user)
            try room.take(max(0, draft.bytes - received.bytes))
            // The row last: a row without its file must not exist. The same content twice is one file.
            try publish(staging, draft, user)
            do {
                let dataset = try await store.user(user).createDataset(draft)
                room.keep()
                return dataset
            } catch {
                try await discard([draft.filePath, draft.documentsPath(user)], user)
                throw error
            }
        }
    }

    /// Gives a dataset new content.
    /// - Returns: the dataset; of an `append` or `merge` also what became of the examples.
    /// - Throws: as ``importDataset(_:bytes:user:room:)``; the old content stays then.
    public func change<Bytes: AsyncSequence>(
        _ id: String, _ change: Change, _ described: Description, bytes: Bytes, user: String, room: StorageReservation
    ) async throws -> (dataset: Dataset, outcome: DatasetUpdate.Outcome?) where Bytes.Element: Sequence<UInt8> {
        let rows = store.user(user)
        let current = try await rows.dataset(id)
        guard current.datasetType == .jsonl || change == .replace else { throw Self.notJoinable(current) }
        return try await withStaging(user) { staging in
            let received = try await receive(bytes, into: staging.file, room: room)
            let place = try await places.enter(user)
            defer { place.leave() }
            try await unpackParquet(staging, current.datasetType)
            var description = described
            var outcome: DatasetUpdate.Outcome?
            if change != .replace {
                let (base, arrived) = (ChatReading(current.metadata).reader(data.url(current.filePath)), description.reading.reader(staging.file))
                let joined = staging.joined
                let made = try await BlockingExecutor.run {
                    do {
                        return try (change == .append ? DatasetUpdate.append(arrived) : .merge(arrived)).apply(to: base, writing: joined)
                    } catch let invalid as DatasetInvalid { throw DatasetRefused(invalid.report) }
                }
                // What is written is normalised: whatever was said of the files it came from holds no more.
                description.reading = ChatReading(redact: ChatReading(current.metadata).redact.union(described.reading.redact))
                description.fileName = current.fileName
                outcome = made
                try staging.takeJoined()
            }
            let draft = try await inspect(staging, description, received, user: user)
            // What is joined or unpacked is larger than what came; the old content goes.
            try room.take(max(0, draft.bytes - received.bytes - current.bytes))
            try publish(staging, draft, user)
            do {
                let (dataset, unused) = try await rows.replaceContent(of: id, version: current.version, with: draft, change: change.rawValue)
                for path in unused { try data.remove(path) }
                room.keep()
                return (dataset, outcome)
            } catch {
                try await discard([draft.filePath, draft.documentsPath(user)], user)
                throw error
            }
        }
    }

    public func delete(_ id: String, user: String) async throws {
        for path in try await store.user(user).deleteDataset(id) { try data.remove(path) }
        try await store.scrub()
    }

    private static func notJoinable(_ dataset: Dataset) -> DatasetRefused {
        DatasetRefused(
            message: "a dataset of type \(dataset.datasetType.rawValue) can only be replaced as a whole",
            problems: [
                .init(
                    field: "mode", code: "invalid", message: "append and merge join chat examples",
                    hint: "upload the new documents as a dataset of their own; a job takes several, and its config.collection_update joins them")
            ])
    }

    // MARK: on the way

    /// Where an upload is until it has a name.
    struct Staging: Sendable {
        var file: URL
        var claims: FileClaims
        var joined: URL { file.appendingPathExtension("joined") }
        var documents: URL { file.appendingPathExtension("documents") }
        var scratch: URL { file.appendingPathExtension("scratch") }

        /// Goes on with what was made of the file in its place.
        func takeJoined() throws {
            try FileManager.default.removeItem(at: file)
            try FileManager.default.moveItem(at: joined, to: file)
        }
    }

    private func withStaging<T>(_ user: String, _ body: (Staging) async throws -> T) async throws -> T {
        let working = try WorkingFolder(data, user: user)
        defer { working.remove() }
        return try await body(Staging(file: working.url.appending(path: "incoming"), claims: working.claims))
    }

    private func publish(_ staging: Staging, _ draft: DatasetDraft, _ user: String) throws {
        try staging.claims.add([draft.filePath, draft.documentsPath(user)])
        if !FileManager.default.fileExists(atPath: data.url(draft.filePath).path) { try data.publish(staging.file, as: draft.filePath) }
        let documents = draft.documentsPath(user)
        if draft.datasetType == .rag, !FileManager.default.fileExists(atPath: data.url(documents).path) {
            try data.publish(staging.documents, as: documents)
        }
    }

    private func discard(_ paths: [String], _ user: String) async throws {
        for path in paths where try await !store.user(user).refersToFile(path) { try? data.remove(path) }
    }

    /// Of Parquet the JSON lines it holds are kept.
    private func unpackParquet(_ staging: Staging, _ kind: Dataset.Kind) async throws {
        guard kind == .jsonl, try ParquetFile.matches(staging.file) else { return }
        do { try await parquet.convert(staging.file, to: staging.joined, maxBytes: maxBytes) } catch let error as LocalModelError {
            throw DatasetRefused(
                message: "the Parquet file cannot be used",
                problems: [.init(code: error.code.rawValue, message: error.message, hint: error.hint ?? "write it as JSON lines")])
        }
        try staging.takeJoined()
    }

    private func receive<Bytes: AsyncSequence>(_ bytes: Bytes, into file: URL, room: StorageReservation) async throws -> Upload
    where Bytes.Element: Sequence<UInt8> {
        let upload = try await Upload.receive(bytes, into: file, maxBytes: maxBytes, room: room)
        guard upload.bytes > 0 else { throw DatasetRefused.empty }
        return upload
    }

    private func inspect(_ staging: Staging, _ description: Description, _ received: Upload, user: String) async throws -> DatasetDraft {
        var draft = DatasetDraft(
            datasetName: description.name, datasetType: description.kind, filePath: "", fileName: description.fileName, sampleCount: 0,
            metadata: DatasetMetadata(description: description.text), sha256: received.sha256, bytes: received.bytes)
        switch description.kind {
        case .jsonl:
            let reader = description.reading.reader(staging.file)
            let report = try await BlockingExecutor.run { try reader.validate() }
            guard report.isUsable, report.nothingToTrain == nil else { throw DatasetRefused(report) }
            // Of the file as it is now, which need not be the one that came.
            (draft.sha256, draft.bytes) = (report.sha256, report.bytes)
            draft.sampleCount = report.examples
            draft.format = report.layout.format.rawValue
            draft.report = String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
            draft.metadata.replies = report.replies
            draft.metadata.trainable = report.trainable
            draft.metadata.leftOut = report.leftOut.isEmpty ? nil : report.leftOut.byName
            draft.metadata.fieldsLeftOut = report.fieldsLeftOut.isEmpty ? nil : report.fieldsLeftOut.counts
            draft.metadata.readAs = description.reading.readAs
            draft.metadata.redact = description.reading.redact.isEmpty ? nil : description.reading.redact.map(\.rawValue).sorted()
        case .rag:
            let (documents, problems) = try await readDocuments(staging, description)
            draft.sampleCount = documents
            // Bounded where they are collected; the last one counts those that are not listed.
            func lines(_ found: [DocumentProblem]) -> [String]? {
                found.isEmpty ? nil : found.map { $0.name.isEmpty ? $0.message : "\($0.name): \($0.message)" }
            }
            func notes(_ found: [DocumentProblem]) -> [DatasetMetadata.Note]? {
                found.isEmpty
                    ? nil : found.map { .init(field: $0.name.isEmpty ? nil : $0.name, code: $0.code, message: $0.message, hint: $0.hint) }
            }
            let (failed, warnings) = (problems.filter { !$0.isWarning }, problems.filter(\.isWarning))
            (draft.metadata.problems, draft.metadata.problemDetails) = (lines(failed), notes(failed))
            (draft.metadata.warnings, draft.metadata.warningDetails) = (lines(warnings), notes(warnings))
            draft.metadata.tags = description.tags.isEmpty ? nil : description.tags
            draft.metadata.date = description.date?.description
        case .custom: break
        }
        draft.filePath = DataPaths.dataset(sha256: draft.sha256, user: user)
        return draft
    }

    /// Reads every document once and for all; what is built later begins with their text.
    private func readDocuments(_ staging: Staging, _ description: Description) async throws -> (Int, [DocumentProblem]) {
        try FileManager.default.createDirectory(at: staging.scratch, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let found: (documents: Int, problems: [DocumentProblem])
        do {
            found = try await ParsedDocuments.write(
                DocumentSource(staging.file, name: description.fileName), into: staging.documents, extractor: extractor, parser: parser,
                scratch: staging.scratch)
        } catch KnowledgeError.nothingReadable(let problems) {
            try Self.requireRoom(problems)
            throw DatasetRefused(problems)
        }
        try Self.requireRoom(found.problems)
        return found
    }

    /// A document that a full disk kept from being read is none of the file's faults.
    private static func requireRoom(_ problems: [DocumentProblem]) throws {
        if let full = problems.first(where: { $0.code == DiskFull.code }) { throw KnowledgeError.diskFull(what: full.name) }
    }
}

extension DatasetDraft {
    fileprivate func documentsPath(_ user: String) -> String { DataPaths.documents(sha256: sha256, name: fileName, user: user) }
}
