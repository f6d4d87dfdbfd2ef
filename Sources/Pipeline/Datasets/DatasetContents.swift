import Datasets
import Foundation
import LocalModels
import Store

/// What is in a dataset of chat examples, for those who want to see it.
public struct DatasetContents: Sendable {
    private let data: DataDirectory
    private let previewer: TrainingPreview
    /// Shared by all exports and previews that are made at a time.
    private let places: FairGate

    public init(data: DataDirectory, engine: EnginePaths, places: FairGate) {
        self.data = data
        self.places = places
        previewer = TrainingPreview(paths: engine)
    }

    /// A file without a name: its bytes are gone when nobody holds it, and until then they count as its user's storage.
    public final class Export: @unchecked Sendable {
        private let handle: FileHandle
        private let room: StorageReservation

        init(_ url: URL, _ room: StorageReservation) throws {
            self.room = room
            handle = try FileHandle(forReadingFrom: url)
            try FileManager.default.removeItem(at: url)
        }

        /// The next 64 KiB, or nil at the end. One reader.
        public func next() throws -> Data? {
            let block = try handle.read(upToCount: 1 << 16)
            return block?.isEmpty == false ? block : nil
        }
    }

    /// All examples in another format.
    /// - Parameter room: what the file takes of the user's storage while it exists.
    /// - Throws: ``DatasetRefused`` for a dataset that is no list of examples; ``LimitExceeded``, `FairGate.Full`.
    public func export(_ dataset: Dataset, as form: DatasetExport, room: StorageReservation) async throws -> (file: Export, report: ExportReport) {
        try Self.requireExamples(dataset)
        let place = try await places.enter(dataset.userID)
        defer { place.leave() }
        try room.take(dataset.bytes)
        let reader = ChatReading(dataset.metadata).reader(data.url(dataset.filePath))
        let target = try data.folder("\(DataPaths.user(dataset.userID))/uploads").appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: target) }
        let report = try await BlockingExecutor.run {
            do { return try form.write(reader, to: target) } catch let invalid as DatasetInvalid { throw DatasetRefused(invalid.report) }
        }
        try room.take(max(0, report.bytes - dataset.bytes))
        return (try Export(target, room), report)
    }

    /// The first examples as the trainer reads them: the base model's template applied, what is learned told from what is only read.
    /// - Throws: ``DatasetRefused``, ``LocalModelError``.
    public func preview(_ dataset: Dataset, limit: Int) async throws -> [TrainingPreview.Example] {
        try Self.requireExamples(dataset)
        let reader = ChatReading(dataset.metadata).reader(data.url(dataset.filePath))
        let lines = try await BlockingExecutor.run {
            var lines: [Data] = []
            do {
                try reader.read { example in
                    if let example = TrainingExample(example) { try lines.append(example.line()) }
                    if lines.count == limit { throw Enough() }
                }
            } catch is Enough {}
            return lines
        }
        return lines.isEmpty ? [] : try await places.withPlace(dataset.userID) { [previewer] in try await previewer.render(lines) }
    }

    private struct Enough: Error {}

    private static func requireExamples(_ dataset: Dataset) throws {
        guard dataset.datasetType == .jsonl else {
            throw DatasetRefused(
                message: "a dataset of type \(dataset.datasetType.rawValue) has no chat examples",
                problems: [.init(code: "not_examples", message: "only datasets of type jsonl have examples", hint: "choose one of that type")])
        }
    }
}
