import Foundation
import GRDB

/// Builds a collection: reads documents, cuts them, embeds the chunks, publishes the folder.
///
/// The work happens in `directory.building`; a folder with the final name is whole by construction. An
/// interrupted build (cancelled, crashed, embedder gone) is resumed by calling `build` again with the
/// same sources and settings; other sources or settings start over. What is cut can be searched at once:
/// see `CollectionIndex.openUnfinished`.
public struct CollectionBuilder: Sendable {
    /// Chunks per embedding call: enough to keep an engine busy, few enough that progress is real.
    private static let batch = 64
    /// Chunks looked at together where most have a vector already.
    private static let window = 1024

    /// What to do while another builder works on the same folder.
    public enum WhenBusy: Sendable {
        /// Throw `KnowledgeError.buildBusy`.
        case refuse
        /// Build in a folder of its own. Whoever is first gives the collection its name; the other finds it finished.
        case buildBeside
    }

    private let embedder: any Embedder
    private let whenBusy: WhenBusy
    private let extractor: (any ArchiveExtractor)?
    private let parser: (any DocumentParser)?
    private let settings: ChunkingSettings
    private let limits: DocumentLimits

    /// - Parameters:
    ///   - extractor: unpacks archives; nil reports them as problems.
    ///   - parser: turns other kinds of files into text; nil reports them as problems.
    public init(
        embedder: any Embedder, extractor: (any ArchiveExtractor)?, parser: (any DocumentParser)? = nil, whenBusy: WhenBusy = .refuse,
        settings: ChunkingSettings = .init(), limits: DocumentLimits = .init()
    ) {
        self.whenBusy = whenBusy
        self.embedder = embedder
        self.extractor = extractor
        self.parser = parser
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
    /// - Parameters:
    ///   - update: the version to start from; nil builds from the sources alone. Vectors of chunks that
    ///     are there with the same embedding text and model are copied, never computed again.
    ///   - onProgress: called after each group of documents and each batch of 64 chunks.
    /// - Throws: `KnowledgeError.nothingReadable`, `.nothingLeft`, `.destinationExists`, `.buildBusy`,
    ///   `.embedderInvalid`, `.indexDamaged` for the earlier version; `CancellationError`; errors of the
    ///   embedder, the file system and SQLite. Finished work is kept.
    public func build(
        sources: [DocumentSource], update: CollectionUpdate? = nil, into directory: URL, onProgress: @Sendable (IndexProgress) -> Void
    ) async throws -> CollectionSummary {
        let identity = embedder.identity
        let earlier = try update.map { try EarlierVersion($0, embedder: identity, settings: settings) }
        let fingerprint = try InputFingerprint.compute(
            sources, settings: settings, embedder: identity, update: earlier.map { ($0.index.fingerprint, $0.strategy) })
        if let finished = try existing(directory, fingerprint) { return finished }
        let build = try UnfinishedBuild.open(directory, fingerprint: fingerprint, embedder: identity, settings: settings, whenBusy: whenBusy)
        do {
            // Another builder may have finished between the first look and the lock.
            if let finished = try existing(directory, fingerprint) {
                build.abandon()
                try FileManager.default.removeItem(at: build.folder)
                return finished
            }
            let summary = try await chunk(sources, build, earlier, onProgress)
            try await embed(summary, build, earlier, onProgress)
            do { try build.publish(as: directory, chunks: summary.chunks) } catch {
                // Another builder may have come first.
                guard let finished = try existing(directory, fingerprint) else { throw error }
                try FileManager.default.removeItem(at: build.folder)
                return finished
            }
            removeAbandoned(directory)
        } catch {
            build.abandon()
            if let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL {
                throw KnowledgeError.diskFull(what: directory.lastPathComponent)
            }
            throw error
        }
        return try CollectionIndex.open(directory).summary
    }

    /// What other builders left that are gone. One that is held is its builder's to leave.
    private func removeAbandoned(_ directory: URL) {
        for folder in CollectionFolder.allUnfinished(directory) {
            guard let lock = try? BuildLock(folder, collection: directory.lastPathComponent) else { continue }
            try? FileManager.default.removeItem(at: folder)
            withExtendedLifetime(lock) {}
        }
    }

    private func existing(_ directory: URL, _ fingerprint: String) throws -> CollectionSummary? {
        guard FileManager.default.fileExists(atPath: directory.path) else { return nil }
        let existing = try CollectionIndex.open(directory)
        guard existing.fingerprint == fingerprint else {
            throw KnowledgeError.destinationExists(collection: directory.lastPathComponent)
        }
        return existing.summary
    }

    /// Cuts all documents, unless an earlier attempt did. New ones first: what stays of an earlier
    /// version is known once they are.
    private func chunk(
        _ sources: [DocumentSource], _ build: UnfinishedBuild, _ earlier: EarlierVersion?, _ onProgress: @Sendable (IndexProgress) -> Void
    ) async throws -> CollectionSummary {
        if let summary = try build.database.summary() { return summary }
        let chunker = Chunker(embedder: embedder, settings: settings)
        var intake = DocumentIntake(chunker: chunker, database: build.database, earlier: earlier)
        func report(_ documents: Int) {
            onProgress(IndexProgress(chunksDone: 0, chunksTotal: 0, documentsDone: documents, documentsTotal: 0, tokens: 0))
        }
        let reader = DocumentReader(extractor: extractor, parser: parser, scratch: build.scratch, limits: limits)
        for source in sources {
            try await reader.read(source) { event in
                try Task.checkCancellation()
                if try await intake.take(event) { report(intake.documentsDone) }
            }
        }
        try await intake.flush()
        var documents = intake.documentsDone
        guard earlier != nil || documents > 0 else { throw KnowledgeError.nothingReadable(problems: intake.problems.list) }
        try await earlier?.copy(into: build.database, chunker: chunker) { count in
            documents += count
            report(documents)
        }
        guard try build.database.chunkCount().count > 0 else {
            let collection = build.folder.deletingPathExtension().lastPathComponent
            throw sources.isEmpty
                ? KnowledgeError.nothingLeft(collection: collection) : .nothingReadable(problems: intake.problems.list)
        }
        return try build.database.finishChunking(
            embedder: embedder.identity, problems: intake.problems.list, changes: earlier?.changes(to: build.database))
    }

    /// Gives a vector to the chunks that have none yet. The vectors reach the disk before the database
    /// counts them, so after a crash the files hold at least what the database knows.
    private func embed(
        _ summary: CollectionSummary, _ build: UnfinishedBuild, _ earlier: EarlierVersion?, _ onProgress: @Sendable (IndexProgress) -> Void
    ) async throws {
        var progress = IndexProgress(
            chunksDone: build.embedded, chunksTotal: summary.chunks, documentsDone: summary.documents,
            documentsTotal: summary.documents, tokens: try build.database.tokens(ofFirst: build.embedded))
        var reused = Int(try build.database.get(.reused) ?? "0") ?? 0
        onProgress(progress)
        while progress.chunksDone < summary.chunks {
            try Task.checkCancellation()
            var rows = try build.database.embeddingTexts(after: progress.chunksDone, limit: earlier == nil ? Self.batch : Self.window)
            guard !rows.isEmpty else {
                throw KnowledgeError.indexDamaged(collection: build.folder.lastPathComponent, reason: "chunks are missing")
            }
            let known = try earlier?.vectors(of: rows.map { ($0.id, $0.title) }) ?? [:]
            var missing = 0
            let end = rows.firstIndex {
                missing += known[$0.id] == nil ? 1 : 0
                return missing > Self.batch
            }
            rows = Array(rows[..<(end ?? rows.count)])
            let texts = rows.filter { known[$0.id] == nil }.map(\.text)
            var fresh: ArraySlice<Float> = []
            if !texts.isEmpty {
                let batch = try await embedder.embed(texts, kind: .passage)
                try batch.validate(count: texts.count, identity: embedder.identity)
                fresh = batch.values[...]
            }
            var values: [Float] = []
            values.reserveCapacity(rows.count * embedder.identity.dimension)
            for row in rows {
                if let vector = known[row.id] {
                    values += vector
                } else {
                    values += fresh.prefix(embedder.identity.dimension)
                    fresh = fresh.dropFirst(embedder.identity.dimension)
                }
            }
            try build.vectors.append(values)
            progress.chunksDone += rows.count
            reused += rows.count - texts.count
            try build.database.recordEmbedded(progress.chunksDone, reused: reused)
            progress.tokens += rows.reduce(0) { $0 + $1.tokens }
            onProgress(progress)
        }
    }
}
