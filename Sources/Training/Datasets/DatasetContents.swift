import Calls
import Datasets
import Files
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

    /// All examples in another format.
    /// - Parameter room: what the file takes of the user's storage while it exists.
    /// - Throws: ``DatasetRefused`` for a dataset that is no list of examples; ``LimitExceeded``, `FairGate.Full`.
    public func export(_ dataset: Dataset, as form: DatasetExport, room: StorageReservation) async throws -> (file: HeldFile, report: ExportReport) {
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
        return (try HeldFile(target, room), report)
    }

    /// The first examples as the trainer reads them: the base model's template applied, what is learned told from what is only read. One
    /// that is left out has its messages as they stand, and the reason.
    /// - Throws: ``DatasetRefused``, ``LocalModelError``.
    public func preview(_ dataset: Dataset, limit: Int) async throws -> [TrainingPreview.Example] {
        try Self.requireExamples(dataset)
        let reader = ChatReading(dataset.metadata).reader(data.url(dataset.filePath))
        let items = try await BlockingExecutor.run {
            var items: [Item] = []
            var seen: Set<Data> = []
            do {
                try reader.read { example in
                    try items.append(Item(example, &seen))
                    if items.count == limit { throw Enough() }
                }
            } catch is Enough {}
            return items
        }
        let lines = items.compactMap(\.line)
        var rendered =
            lines.isEmpty
            ? [] : try await places.withPlace(dataset.userID) { [previewer] in try await previewer.render(lines) }[...]
        return items.compactMap { item in
            var shown = item.leftOut ?? rendered.popFirst()
            if shown?.dropped == nil { shown?.fieldsLeftOut = item.fieldsLeftOut.isEmpty ? nil : item.fieldsLeftOut }
            return shown
        }
    }

    private struct Enough: Error {}

    /// An example for the trainer to render, or one that it never sees.
    private struct Item: Sendable {
        var line: Data?
        var leftOut: TrainingPreview.Example?
        var fieldsLeftOut: [String]

        init(_ example: ChatExample, _ seen: inout Set<Data>) throws {
            fieldsLeftOut = example.fieldsLeftOut
            let text = try TrainingExample(example)?.line()
            guard let text, seen.insert(text).inserted else {
                leftOut = TrainingPreview.Example(
                    leftOut: (example.exclusion ?? .duplicate).rawValue,
                    pieces: example.messages.map { .init(text: "\($0.role.rawValue): \($0.shown)\n", learned: false) })
                return
            }
            line = text
        }
    }

    private static func requireExamples(_ dataset: Dataset) throws {
        guard dataset.datasetType == .jsonl else {
            throw DatasetRefused(
                message: "a dataset of type \(dataset.datasetType.rawValue) has no chat examples",
                problems: [.init(code: "not_examples", message: "only datasets of type jsonl have examples", hint: "choose one of that type")])
        }
    }
}

extension ChatExample.Message {
    /// Its text, and its calls of tools as they are written.
    fileprivate var shown: String {
        let calls = fields.filter { $0.name == "tool_calls" || $0.name == "function_call" }.map(\.json)
        return ([content].compactMap(\.self) + calls).joined(separator: " ")
    }
}
