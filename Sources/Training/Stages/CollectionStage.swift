import Calls
import Domain
import Files
import Foundation
import Knowledge
import Store

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
    let parser: any DocumentParser
    let vectors: VectorServer?
    let providers: ProviderEmbedding
    /// This server's own.
    let embedder: @Sendable () async throws -> any IndexingEmbedder

    /// Searchable by words as soon as a text is cut. What an attempt finished stays when it fails or is
    /// stopped: the job, started again, goes on from there.
    func run(_ prepared: PreparedData, _ context: JobContext) async throws -> BuiltCollection {
        let job = context.job
        let rows = store.user(job.userID)
        let minion = try await rows.minion(job.minionID)
        let embedder = try await embedder(job)
        let collection: Collection
        do {
            collection = try await rows.beginCollection(
                minion: minion, embedder: embedder.identity.model, dimension: embedder.identity.dimension, job: job.id)
        } catch {
            await embedder.stop()
            throw error
        }
        let version = collection.version + 1
        let directory = data.url(DataPaths.collection(collection.id, version: version, user: job.userID))
        _ = try data.folder(DataPaths.collection(collection.id, user: job.userID))

        let progress = ProgressRelay(context)
        do {
            let builder = CollectionBuilder(
                embedder: embedder, extractor: extractor, parser: parser, whenBusy: .buildBeside,
                settings: ChunkingSettings(
                    strategy: job.config.chunkStrategy, maxTokens: job.config.chunkTokens, overlapTokens: job.config.chunkOverlap))
            let update = try await earlier(collection, job, minion)
            let summary: CollectionSummary
            do {
                summary = try await builder.build(sources: prepared.documents, update: update, into: directory) { progress.send($0) }
            } catch KnowledgeError.destinationExists {
                // Finished by an attempt that could not publish it, and made of other data than this one's.
                try await context.remove(DataPaths.collection(collection.id, version: version, user: job.userID))
                summary = try await builder.build(sources: prepared.documents, update: update, into: directory) { progress.send($0) }
            }
            try await copy(directory, collection, version, context)
            await progress.finish()
            await embedder.stop()
            for problem in summary.problems {
                let name = problem.name.isEmpty ? "" : "\(problem.name): "
                try await context.event("log", ["message": name + problem.message, "hint": problem.hint])
            }
            return BuiltCollection(id: collection.id, name: collection.name, version: version, summary: summary)
        } catch {
            await progress.finish()
            await embedder.stop()
            throw error
        }
    }

    /// The one that the job names.
    private func embedder(_ job: TrainingJob) async throws -> any IndexingEmbedder {
        let own = try await embedder()
        guard let route = job.config.embedder else { return own }
        do { return try await ProviderEmbedder(building: providers, route: route, job: job, counter: own) } catch {
            await own.stop()
            throw error
        }
    }

    /// Asks a provider's embedder for a vector, so that a wrong key or model is found before anything is trained.
    func check(_ context: JobContext) async throws {
        guard context.job.trainingType.buildsCollection, let route = context.job.config.embedder else { return }
        let account = ProviderEmbedding.Account(route: route, userID: context.job.userID, minionID: context.job.minionID, patience: 90)
        _ = try await providers.vectors(["dimension"], kind: .passage, for: account)
    }

    /// Into the vector server, where there is one. It holds copies: without this one the files here are searched.
    private func copy(_ directory: URL, _ collection: Collection, _ version: Int, _ context: JobContext) async throws {
        guard let vectors else { return }
        do {
            try await vectors.load(CollectionIndex.open(directory), collection: collection.id, version: version, user: context.job.userID)
        } catch  where !(error is CancellationError) {
            try await context.event(
                "log",
                [
                    "message": "the vector server has not taken the collection, so its files here are searched: \(error)",
                    "hint": "check ATELIER_CHROMA_URL, then start the job again",
                ])
        }
    }

    /// The version the minion answers from: chunks that come again keep its vectors. A later one whose release is held
    /// or rejected is none of what it knows; where no release is active, the last one built is. One that cannot be read
    /// is no loss but of time.
    /// - Throws: `KnowledgeError.indexDamaged` where its documents are to stay and cannot be read.
    private func earlier(_ collection: Collection, _ job: TrainingJob, _ minion: Minion) async throws -> CollectionUpdate? {
        var (id, version) = (collection.id, collection.version)
        if let active = minion.releaseID {
            let release = try await store.user(job.userID).release(active)
            if let known = release.collectionID, let number = release.collectionVersion { (id, version) = (known, number) }
        }
        guard version > 0 else { return nil }
        let folder = data.url(DataPaths.collection(id, version: version, user: job.userID))
        switch job.config.collectionUpdate {
        case .append: return CollectionUpdate(previous: folder, strategy: .append)
        case .merge: return CollectionUpdate(previous: folder, strategy: .merge)
        case .replaceMatching:
            // Without a filter nothing goes: an empty one would match every document.
            let filter = job.config.collectionFilter ?? DocumentFilter(documents: [])
            return CollectionUpdate(previous: folder, strategy: .replace(matching: filter))
        case .replaceAll:
            guard (try? CollectionIndex.open(folder)) != nil else { return nil }
            return CollectionUpdate(previous: folder, strategy: .replaceAll)
        }
    }

    /// Removes a finished version that no release will refer to.
    func discard(_ built: BuiltCollection, _ context: JobContext) async throws {
        try await context.remove(DataPaths.collection(built.id, version: built.version, user: context.job.userID))
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
