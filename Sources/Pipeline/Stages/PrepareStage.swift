import Crypto
import Foundation
import Knowledge
import LocalModels
import Store

/// The job's data, checked and split.
struct PreparedData: Sendable {
    /// Chat JSONL, or nil where the job trains no adapter.
    var train: URL?
    var validation: URL?
    /// The training replies alone, where ``train`` holds more.
    var replies: URL?
    /// How the adapter will restyle, where it is trained to.
    var restyle: RestyleProfile?
    var trainCount = 0
    var heldOutCount = 0
    /// Stored documents with what their user said of them.
    var documents: [DocumentSource] = []
}

/// Checks what the job needs before anything slow starts, and splits the examples 90/10.
struct PrepareStage: Sendable {
    let store: Store
    let data: DataDirectory
    let engine: EnginePaths

    func run(_ context: JobContext) async throws -> PreparedData {
        if let missing = engine.missing() { throw missing }
        let job = context.job
        try data.remove(context.folder)
        let folder = try data.folder(context.folder)
        var prepared = PreparedData()
        var examples: [(hash: String, line: Data)] = []
        var seen: Set<String> = []
        var withTools = 0
        for id in job.datasetIDs {
            let dataset = try await store.user(job.userID).dataset(id)
            let file = data.url(dataset.filePath)
            guard FileManager.default.fileExists(atPath: file.path) else {
                throw JobFailure(
                    step: context.stage, code: "dataset_missing", message: "the file of dataset \"\(dataset.datasetName)\" is gone",
                    hint: "upload it again")
            }
            switch dataset.datasetType {
            case .jsonl where job.trainingType.trainsAdapter:
                let reader = ChatReading(dataset.metadata).reader(file)
                let lines = try await BlockingExecutor.run {
                    var lines: [Data] = []
                    var untrainable = 0
                    let report = try reader.read { example in
                        if let example = TrainingExample(example) { try lines.append(example.line()) } else { untrainable += 1 }
                    }
                    guard report.isUsable else { throw DatasetRefused(report) }
                    return (lines, untrainable)
                }
                withTools += lines.1
                for line in lines.0 {
                    let hash = Self.hash(line, seed: job.config.seed)
                    // A repeated example must not stand on both sides of the split.
                    if seen.insert(hash).inserted { examples.append((hash, line)) }
                }
            case .rag where job.trainingType.buildsCollection:
                // What was read when it arrived; of an upload from before that was done, the file itself.
                let text = data.url(dataset.documentsPath)
                let isRead = FileManager.default.fileExists(atPath: text.path)
                prepared.documents.append(
                    DocumentSource(
                        isRead ? text : file, name: dataset.fileName, tags: dataset.metadata.tags ?? [],
                        date: dataset.metadata.date.flatMap { CalendarDate($0) }))
            default: break
            }
        }
        if withTools > 0 {
            try await context.event(
                "log",
                ["message": "\(withTools) example(s) with tool calls are left out: the base model's template has no place for them"])
        }
        if job.trainingType.trainsAdapter {
            guard examples.count >= 2 else {
                throw JobFailure(
                    step: context.stage, code: "too_few_examples",
                    message:
                        "\(examples.count) chat example\(examples.count == 1 ? "" : "s") in the job's datasets; at least 2 are needed, 50 to 300 are sensible",
                    hint: "add a dataset of type jsonl to the job")
            }
            try split(examples, into: folder, &prepared)
        }
        if job.trainingType.buildsCollection, prepared.documents.isEmpty {
            throw JobFailure(
                step: context.stage, code: "no_documents", message: "the job has no dataset of type rag",
                hint: "add one, or choose training_type lora_only")
        }
        try await context.event(
            "log",
            [
                "message":
                    "\(prepared.trainCount) training and \(prepared.heldOutCount) held-out examples, \(prepared.documents.count) document file(s)"
            ])
        return prepared
    }

    /// The tenth with the smallest seeded hashes is held out: exact, repeatable, and independent of order.
    private func split(_ examples: [(hash: String, line: Data)], into folder: URL, _ prepared: inout PreparedData) throws {
        let heldOut = max(1, Int((Double(examples.count) / 10).rounded()))
        let threshold = examples.map(\.hash).sorted()[heldOut - 1]
        var train = Data()
        var validation = Data()
        for example in examples {
            if example.hash <= threshold { validation += example.line + [0x0A] } else { train += example.line + [0x0A] }
        }
        prepared.train = folder.appending(path: "train.jsonl")
        prepared.validation = folder.appending(path: "validation.jsonl")
        try train.write(to: prepared.train!)
        try validation.write(to: prepared.validation!)
        prepared.trainCount = examples.count - heldOut
        prepared.heldOutCount = heldOut
    }

    static func hash(_ line: Data, seed: Int) -> String {
        SHA256.hash(data: Data("\(seed):".utf8) + line).map { String(format: "%02x", $0) }.joined()
    }
}
