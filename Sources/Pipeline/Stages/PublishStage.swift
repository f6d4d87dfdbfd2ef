import Foundation
import LocalModels
import Store

/// Moves the files to their places, then writes every row in one transaction: the release exists
/// whole or not at all.
struct PublishStage: Sendable {
    let data: DataDirectory

    func run(_ prepared: PreparedData, _ trained: TrainedAdapter?, _ built: BuiltCollection?, _ context: JobContext) async throws -> Release? {
        let job = context.job
        var adapter: ReleaseDraft.NewAdapter?
        if let trained {
            let id = RowID.make("ada")
            let path = DataPaths.adapter(id, user: job.userID)
            let bytes = (try trained.folder.appending(path: "adapter.gguf").resourceValues(forKeys: [.fileSizeKey])).fileSize ?? 0
            try data.publish(trained.folder, as: path)
            adapter = .init(
                id: id, baseModel: trained.baseModel, path: path, sha256: trained.result.sha256, rank: trained.result.rank, bytes: bytes)
        }
        let collection = built.map {
            ReleaseDraft.NewCollection(
                id: $0.id, name: $0.name, embedder: $0.summary.embedder.model, dimension: $0.summary.embedder.dimension, version: $0.version,
                documentCount: $0.summary.documents, chunkCount: $0.summary.chunks, bytes: $0.summary.bytes)
        }
        var evaluation = ReleaseEvaluation()
        evaluation.baseValidationLoss = trained?.result.baseValidationLoss
        evaluation.validationLoss = trained?.result.validationLoss
        evaluation.trainLoss = trained?.result.trainLoss
        if trained != nil {
            evaluation.trainingExamples = prepared.trainCount
            evaluation.heldOutExamples = prepared.heldOutCount
        }
        evaluation.documents = built?.summary.documents
        evaluation.chunks = built?.summary.chunks
        let id = RowID.make("rel")
        let draft = ReleaseDraft(adapter: adapter, collection: collection, evaluation: evaluation)
        let release = try await context.persisted { _ in try await context.queue.complete(job, worker: context.worker, id: id, release: draft) }
        guard release != nil else {
            // Stopped in the last moment: what was moved belongs to nobody.
            if let adapter { try data.remove(adapter.path) }
            throw CancellationError()
        }
        // The release stands from here on: what cannot be tidied now, the next start tidies.
        try? data.remove(context.folder)
        return release
    }
}
