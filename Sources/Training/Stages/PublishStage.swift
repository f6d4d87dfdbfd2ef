import Domain
import Files
import Foundation
import LocalModels
import Releases
import Store

/// Moves the files to their places, then writes every row in one transaction: the release exists
/// whole or not at all.
struct PublishStage: Sendable {
    let store: Store
    let data: DataDirectory
    let engine: EnginePaths

    func run(_ prepared: PreparedData, _ trained: TrainedAdapter?, _ built: BuiltCollection?, _ measured: ReleaseEvaluation?, _ context: JobContext)
        async throws -> Release?
    {
        let job = context.job
        let files = ReleaseFiles(data: data, engine: engine)
        let claims = FileClaims(folder: data.url(context.folder))
        // Of an attempt that was killed between its files and its rows.
        try await claims.release(job.userID, store: store, data: data)
        var draft = ReleaseDraft(adapter: nil, collection: nil, evaluation: evaluation(prepared, trained, built, measured))
        if let built {
            let folder = data.url(DataPaths.collection(built.id, version: built.version, user: job.userID))
            draft.collection = .init(
                id: built.id, name: built.name, embedder: built.summary.embedder.model, dimension: built.summary.embedder.dimension,
                version: built.version, documentCount: built.summary.documents, chunkCount: built.summary.chunks, bytes: built.summary.bytes,
                sha256: try await files.collectionHash(folder, scratch: data.folder("\(context.folder)/plain")))
            draft.embedder = try await files.embedder(built.summary.embedder.model)
        }
        if let trained {
            let id = RowID.make("ada")
            let path = DataPaths.adapter(id, user: job.userID)
            let bytes = (try trained.folder.appending(path: "adapter.gguf").resourceValues(forKeys: [.fileSizeKey])).fileSize ?? 0
            let companions = try await files.companions(trained.folder)
            draft.base = try await files.base(trained.baseModel)
            try claims.add([path])
            try data.publish(trained.folder, as: path)
            draft.adapter = .init(
                id: id, baseModel: trained.baseModel, path: path, sha256: trained.result.sha256, rank: trained.result.rank, bytes: bytes,
                companions: companions)
        }
        let (id, made) = (RowID.make("rel"), draft)
        let release = try await context.persisted { _ in try await context.queue.complete(job, worker: context.worker, id: id, release: made) }
        guard release != nil else {
            // Stopped in the last moment: what was moved belongs to nobody.
            if let adapter = draft.adapter { try data.remove(adapter.path) }
            throw CancellationError()
        }
        // The release stands from here on: what cannot be tidied now, the next start tidies.
        try? data.remove(context.folder)
        return release
    }

    private func evaluation(_ prepared: PreparedData, _ trained: TrainedAdapter?, _ built: BuiltCollection?, _ measured: ReleaseEvaluation?)
        -> ReleaseEvaluation
    {
        var evaluation = measured ?? ReleaseEvaluation()
        evaluation.baseValidationLoss = trained?.result.baseValidationLoss
        evaluation.validationLoss = trained?.result.validationLoss
        evaluation.trainLoss = trained?.result.trainLoss
        if let trained {
            // The trainer leaves out what does not fit into `max_tokens`: what counts is what it read.
            evaluation.trainingExamples = trained.result.examples ?? prepared.trainCount
            evaluation.heldOutExamples = trained.result.validationExamples ?? prepared.heldOutCount
        }
        evaluation.documents = built?.summary.documents
        evaluation.chunks = built?.summary.chunks
        return evaluation
    }
}
