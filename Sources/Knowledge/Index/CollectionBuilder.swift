import Foundation

/// Builds a collection: reads documents, cuts them, embeds the chunks, publishes the folder.
///
/// The work happens in `directory.building`; a folder with the final name is whole by construction. An
/// interrupted build (cancelled, crashed, embedder gone) is resumed by calling `build` again with the
/// same sources and settings; other sources or settings start over.
public struct CollectionBuilder: Sendable {
    /// Chunks per embedding call: enough to keep an engine busy, few enough that progress is real.
    private static let batch = 64

    private let embedder: any Embedder
    private let extractor: (any ArchiveExtractor)?
    private let settings: ChunkingSettings
    private let limits: DocumentLimits

    /// - Parameter extractor: unpacks archives; nil reports them as problems.
    public init(
        embedder: any Embedder, extractor: (any ArchiveExtractor)?, settings: ChunkingSettings = .init(),
        limits: DocumentLimits = .init()
    ) {
        self.embedder = embedder
        self.extractor = extractor
        self.settings = settings.normalised
        self.limits = limits
    }

    /// Builds from files under their own names. See `build(sources:into:onProgress:)` for uploads that
    /// are stored under another name than the user's.
    public func build(
        sources: [URL], into directory: URL, onProgress: @Sendable (IndexProgress) -> Void
    ) async throws -> CollectionSummary {
        try await build(sources: sources.map { DocumentSource($0) }, into: directory, onProgress: onProgress)
    }

    /// Builds `directory`. Returns at once if it already holds the collection of these very sources,
    /// settings and embedder.
    ///
    /// - Parameter onProgress: called after each group of documents and each batch of 64 chunks.
    /// - Throws: `KnowledgeError.nothingReadable`, `.destinationExists`, `.buildBusy`, `.embedderInvalid`;
    ///   `CancellationError`; errors of the embedder, the file system and SQLite. Finished work is kept.
    public func build(
        sources: [DocumentSource], into directory: URL, onProgress: @Sendable (IndexProgress) -> Void
    ) async throws -> CollectionSummary {
        let identity = embedder.identity
        let fingerprint = try InputFingerprint.compute(sources, settings: settings, embedder: identity)
        if FileManager.default.fileExists(atPath: directory.path) {
            let existing = try CollectionIndex.open(directory)
            guard existing.fingerprint == fingerprint else {
                throw KnowledgeError.destinationExists(collection: directory.lastPathComponent)
            }
            return existing.summary
        }
        let build = try UnfinishedBuild.open(directory, fingerprint: fingerprint, dimension: identity.dimension)
        do {
            let summary = try await chunk(sources, build, onProgress)
            try await embed(summary, build, onProgress)
            try build.publish(as: directory, chunks: summary.chunks)
        } catch {
            build.abandon()
            throw error
        }
        return try CollectionIndex.open(directory).summary
    }

    /// Cuts all documents, unless an earlier attempt did.
    private func chunk(
        _ sources: [DocumentSource], _ build: UnfinishedBuild, _ onProgress: @Sendable (IndexProgress) -> Void
    ) async throws -> CollectionSummary {
        if let summary = try build.database.summary() { return summary }
        var intake = DocumentIntake(chunker: Chunker(embedder: embedder, settings: settings), database: build.database)
        let reader = DocumentReader(extractor: extractor, scratch: build.scratch, limits: limits)
        for source in sources {
            try await reader.read(source) { event in
                try Task.checkCancellation()
                if try await intake.take(event) {
                    onProgress(
                        IndexProgress(
                            chunksDone: 0, chunksTotal: 0, documentsDone: intake.documentsDone, documentsTotal: 0, tokens: 0))
                }
            }
        }
        try await intake.flush()
        guard intake.documentsDone > 0 else { throw KnowledgeError.nothingReadable(problems: intake.problems.list) }
        return try build.database.finishChunking(embedder: embedder.identity, problems: intake.problems.list)
    }

    /// Embeds the chunks that have no vector yet. The vectors reach the disk before the database counts
    /// them, so after a crash the file holds at least what the database knows.
    private func embed(
        _ summary: CollectionSummary, _ build: UnfinishedBuild, _ onProgress: @Sendable (IndexProgress) -> Void
    ) async throws {
        var progress = IndexProgress(
            chunksDone: build.embedded, chunksTotal: summary.chunks, documentsDone: summary.documents,
            documentsTotal: summary.documents, tokens: try build.database.tokens(ofFirst: build.embedded))
        onProgress(progress)
        while progress.chunksDone < summary.chunks {
            try Task.checkCancellation()
            let texts = try build.database.embeddingTexts(after: progress.chunksDone, limit: Self.batch)
            guard !texts.isEmpty else {
                throw KnowledgeError.indexDamaged(collection: build.folder.lastPathComponent, reason: "chunks are missing")
            }
            let vectors = try await embedder.embed(texts.map(\.text), kind: .passage)
            try vectors.validate(count: texts.count, identity: embedder.identity)
            try build.vectors.append(vectors.values)
            try build.database.set(.embedded, String(progress.chunksDone + texts.count))
            progress.chunksDone += texts.count
            progress.tokens += texts.reduce(0) { $0 + $1.tokens }
            onProgress(progress)
        }
    }
}
