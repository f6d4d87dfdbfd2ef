import Answers
import Crypto
import Datasets
import Domain
import Files
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
///
/// The split lies in `prepared/{hash}/` of the job's folder, named by what it was made from: a job that is started
/// again finds it there, and one whose data has changed makes another.
struct PrepareStage: Sendable {
    let store: Store
    let data: DataDirectory
    let engine: EnginePaths

    func run(_ context: JobContext) async throws -> PreparedData {
        if let missing = engine.missing() { throw missing }
        let job = context.job
        var prepared = PreparedData()
        var chats: [Dataset] = []
        for id in job.datasetIDs {
            let dataset = try await store.user(job.userID).dataset(id)
            let file = try dataset.file(in: data, stage: context.stage)
            switch dataset.datasetType {
            case .jsonl where job.trainingType.trainsAdapter: chats.append(dataset)
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
        if job.trainingType.trainsAdapter {
            // A base that cannot be served is refused before it is trained.
            _ = try BaseModels(paths: engine).find(job.config.baseModel)
            try await split(chats, context, &prepared)
        }
        if job.trainingType.buildsCollection, prepared.documents.isEmpty {
            throw JobFailure(
                step: context.stage, code: .noDocuments, message: "the job has no dataset of type rag",
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

    /// What the folder says of itself; written last but for its name.
    private struct Facts: Codable {
        var trainCount: Int
        var heldOutCount: Int
        /// Absent in folders of earlier versions, and where nothing is left out.
        var leftOut: LeftOut?
        var fields: UnreadFieldsNote?
    }

    /// The event that tells which examples are not trained from.
    struct LeftOut: Codable, Sendable {
        var message: String
        var hint: String?
        var examples: Int
        var leftOut: [String: Int]

        init?(_ examples: TrainingExamples) {
            guard let message = examples.leftOutMessage else { return nil }
            self.message = message
            hint = examples.leftOut.hint
            self.examples = examples.total
            leftOut = examples.leftOut.byName
        }

        enum CodingKeys: String, CodingKey {
            case message, hint, examples
            case leftOut = "left_out"
        }
    }

    /// The event that tells which fields of the examples are not read.
    struct UnreadFieldsNote: Codable, Sendable {
        var message: String
        var hint: String?
        var fieldsLeftOut: UnreadFields

        init?(_ fields: UnreadFields) {
            guard let message = fields.message else { return nil }
            self.message = message
            hint = fields.hint
            fieldsLeftOut = fields
        }

        enum CodingKeys: String, CodingKey {
            case message, hint
            case fieldsLeftOut = "fields_left_out"
        }
    }

    private func split(_ datasets: [Dataset], _ context: JobContext, _ prepared: inout PreparedData) async throws {
        let path = "\(context.folder)/prepared/\(try Self.hash(datasets, seed: context.job.config.seed))"
        let folder = data.url(path)
        if !FileManager.default.fileExists(atPath: folder.path) {
            let examples = try await TrainingExamples.read(datasets, seed: context.job.config.seed, data: data, stage: context.stage)
            try examples.requireTrainable(stage: context.stage)
            let (train, validation, heldOut) = examples.split()
            // What another state of the datasets gave is of no use any more.
            for other in (try? FileManager.default.contentsOfDirectory(atPath: data.url("\(context.folder)/prepared").path)) ?? []
            where other != folder.lastPathComponent { try data.remove("\(context.folder)/prepared/\(other)") }
            let unfinishedPath = "\(context.folder)/prepared.\(context.job.attempt)"
            try data.remove(unfinishedPath)
            let unfinished = try data.folder(unfinishedPath)
            try train.write(to: unfinished.appending(path: "train.jsonl"))
            try validation.write(to: unfinished.appending(path: "validation.jsonl"))
            let found = Facts(
                trainCount: examples.count - heldOut, heldOutCount: heldOut, leftOut: LeftOut(examples),
                fields: UnreadFieldsNote(examples.fieldsLeftOut))
            try JSONEncoder().encode(found).write(to: unfinished.appending(path: "facts.json"))
            // Another attempt may have come first, with the very same.
            do { try data.publish(unfinished, as: path) } catch  where FileManager.default.fileExists(atPath: folder.path) {
                try data.remove(unfinishedPath)
            }
        }
        let facts = try JSONDecoder().decode(Facts.self, from: Data(contentsOf: folder.appending(path: "facts.json")))
        if let leftOut = facts.leftOut { try await context.event("log", leftOut) }
        if let fields = facts.fields { try await context.event("log", fields) }
        prepared.train = folder.appending(path: "train.jsonl")
        prepared.validation = folder.appending(path: "validation.jsonl")
        prepared.trainCount = facts.trainCount
        prepared.heldOutCount = facts.heldOutCount
    }

    /// Of all that decides the split: the files, how each is read, and the seed.
    private static func hash(_ datasets: [Dataset], seed: Int) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hash = SHA256()
        hash.update(data: Data("split 1, seed \(seed)".utf8))
        for dataset in datasets {
            hash.update(data: Data("\n\(dataset.sha256) ".utf8))
            hash.update(data: try encoder.encode(dataset.metadata))
        }
        return hash.finalize().prefix(16).hex
    }
}
