import Foundation
import Knowledge
import Store

/// An embedder that can be ended when the index is built.
public protocol IndexingEmbedder: Embedder {
    func stop() async
}

/// A finished collection version, already under its final name but in no row yet.
struct BuiltCollection: Sendable {
    var id: String
    var name: String
    var version: Int
    var summary: CollectionSummary
}

/// Builds the collection: documents → chunks → FTS5 and vectors.
struct CollectionStage: Sendable {
    let store: Store
    let data: DataDirectory
    let extractor: any ArchiveExtractor
    let embedder: @Sendable () async throws -> any IndexingEmbedder

    func run(_ prepared: PreparedData, _ context: JobContext) async throws -> BuiltCollection {
        let job = context.job
        let rows = store.user(job.userID)
        let minion = try await rows.minion(job.minionID)
        let earlier = try await rows.collectionForMinion(job.minionID)
        let id = earlier?.id ?? RowID.make("col")
        let version = (earlier?.version ?? 0) + 1
        // A display name can be reused by another minion later; the id's end keeps this one unique.
        let name = earlier?.name ?? "\(minion.displayName) · \(id.suffix(6))"
        let path = DataPaths.collection(id, version: version, user: job.userID)
        _ = try data.folder(DataPaths.collection(id, user: job.userID))
        try data.remove(path)

        let embedder = try await embedder()
        let progress = ProgressRelay(context)
        do {
            let builder = CollectionBuilder(
                embedder: embedder, extractor: extractor,
                settings: ChunkingSettings(maxTokens: job.config.chunkTokens, overlapTokens: job.config.chunkOverlap))
            let sources = prepared.documents.map { DocumentSource($0.url, name: $0.name) }
            let summary = try await builder.build(sources: sources, into: data.url(path)) { progress.send($0) }
            await progress.finish()
            await embedder.stop()
            for problem in summary.problems.prefix(100) {
                try await context.event("log", ["message": "\(problem.name): \(problem.message)", "hint": problem.hint])
            }
            return BuiltCollection(id: id, name: name, version: version, summary: summary)
        } catch {
            await progress.finish()
            await embedder.stop()
            try? remove(id, version: version, user: job.userID)
            throw error
        }
    }

    /// Removes a version that no release will refer to.
    func discard(_ built: BuiltCollection, _ context: JobContext) throws { try remove(built.id, version: built.version, user: context.job.userID) }

    private func remove(_ id: String, version: Int, user: String) throws {
        let path = DataPaths.collection(id, version: version, user: user)
        try CollectionFolder.remove(data.url(path))
        if version == 1 { try data.remove(DataPaths.collection(id, user: user)) }
    }
}

/// Takes progress from a synchronous callback to the job's history, in order, dropping what is
/// overtaken while an earlier one is written.
private struct ProgressRelay: Sendable {
    private let continuation: AsyncStream<IndexProgress>.Continuation
    private let task: Task<Void, Never>

    init(_ context: JobContext) {
        let (stream, continuation) = AsyncStream<IndexProgress>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.continuation = continuation
        let start = ContinuousClock().now
        task = Task {
            for await progress in stream {
                var details = ProgressDetails()
                details.chunks = progress.chunksDone
                details.chunksTotal = progress.chunksTotal
                details.documents = progress.documentsDone
                details.tokens = progress.tokens
                let fraction = progress.chunksTotal > 0 ? Double(progress.chunksDone) / Double(progress.chunksTotal) : 0
                let elapsed = (ContinuousClock().now - start).seconds
                if fraction > 0.02 { details.secondsLeft = elapsed / fraction - elapsed }
                // A job that was stopped meanwhile takes no more progress; that is not a failure.
                try? await context.progress(fraction, details)
            }
        }
    }

    func send(_ progress: IndexProgress) { continuation.yield(progress) }

    func finish() async {
        continuation.finish()
        await task.value
    }
}
