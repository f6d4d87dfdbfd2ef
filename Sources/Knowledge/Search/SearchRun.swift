import Foundation

/// One search on its way: what was asked, what there is, and what could not be done.
struct SearchRun {
    let index: CollectionIndex
    let query: String
    let options: SearchOptions
    let extent: ChunkDatabase.Extent
    /// Where the vectors are asked, if not in the collection's own files.
    let vectorIndex: (any VectorIndex)?
    var strategy: SearchStrategy
    /// The query's vector, where the dense half ran.
    var vector: [Float]?
    /// Other forms of the query that were searched.
    var variants: [String] = []
    var degraded: [String] = []
    var reranked = 0
    var belowThreshold = 0

    init(_ index: CollectionIndex, query: String, options: SearchOptions, vectorIndex: (any VectorIndex)?) async throws {
        self.index = index
        self.query = query
        self.options = options
        self.vectorIndex = vectorIndex
        strategy = options.strategy
        extent = try await index.database.extent(options.filter)
    }

    /// Chunks that either half found for any form of the query, fused, best first.
    mutating func candidates(embedder: any Embedder, expander: (any QueryExpander)?) async throws -> [ReciprocalRankFusion.Fused] {
        variants = try await expand(expander)
        var lists: [ReciprocalRankFusion.List] = []
        if strategy != .lexical {
            do {
                lists += try await dense([query] + variants, embedder: embedder)
            } catch let error where !(error is CancellationError) && !Task.isCancelled {
                degraded.append("Searched by words only: \(error)")
                strategy = .lexical
            }
        }
        if strategy != .dense {
            for (number, text) in ([query] + variants).enumerated() {
                guard let expression = LexicalQuery.expression(text) else { continue }
                let chunks = try await index.database.lexical(expression, limit: options.candidates, filter: options.filter)
                lists.append(list("lexical", options.lexicalWeight, chunks, variant: number == 0 ? nil : text))
            }
        }
        return ReciprocalRankFusion.fuse(lists, k: options.rrfK)
    }

    private func list(_ name: String, _ weight: Double, _ chunks: [RankedChunk], variant: String?) -> ReciprocalRankFusion.List {
        .init(name: name, weight: variant == nil ? weight : weight * options.variantWeight, chunks: chunks, variant: variant)
    }

    private mutating func expand(_ expander: (any QueryExpander)?) async throws -> [String] {
        guard options.variants > 0 else { return [] }
        guard let expander else {
            degraded.append("Searched for the query as it is: no model for other forms of it is at hand")
            return []
        }
        do {
            var seen: Set<String> = [query]
            let variants = try await expander.variants(of: query, limit: options.variants)
            return variants.filter { !$0.allSatisfy(\.isWhitespace) && seen.insert($0).inserted }.prefix(options.variants).map(\.self)
        } catch let error where !(error is CancellationError) && !Task.isCancelled {
            degraded.append("Searched for the query as it is: \(error)")
            return []
        }
    }

    private mutating func dense(_ texts: [String], embedder: any Embedder) async throws -> [ReciprocalRankFusion.List] {
        let identity = embedder.identity
        let built = index.summary.embedder
        guard identity.isComparable(with: built) else {
            throw KnowledgeError.embedderInvalid(
                reason: "the collection was built with \(built.model) (\(built.dimension) dimensions), "
                    + "the running embedder is \(identity.model) (\(identity.dimension)); build a new version of the collection")
        }
        let batch = try await embedder.embed(texts, kind: .query)
        try batch.validate(count: texts.count, identity: identity)
        vector = Array(batch.values.prefix(identity.dimension))
        if !index.isComplete, extent.embedded < extent.chunks || options.filter != nil {
            degraded.append("The collection is being built: \(extent.embedded) chunks are found by meaning yet, the others by words only")
        }
        guard extent.embedded > 0 else { return [] }
        let scan = VectorScan(vectors: try index.vectors(count: extent.embedded))
        let rows = (extent.rows ?? [0..<extent.embedded]).map { $0.clamped(to: 0..<extent.embedded) }
        var lists: [ReciprocalRankFusion.List] = []
        for (number, text) in texts.enumerated() {
            let query = Array(batch.values[number * identity.dimension..<(number + 1) * identity.dimension])
            let chunks: [RankedChunk]
            if let vectorIndex {
                chunks = try await index.database.ranked(vectorIndex.query(query, limit: options.candidates, filter: options.filter))
            } else {
                chunks = await scan.search(query, limit: options.candidates, rows: rows)
            }
            lists.append(list("dense", options.denseWeight, chunks, variant: number == 0 ? nil : text))
        }
        return lists
    }

    /// Lets the reranker read the best and fuses its order with theirs.
    mutating func rerank(_ fused: [ReciprocalRankFusion.Fused], _ reranker: (any Reranker)?) async throws -> [ReciprocalRankFusion.Fused] {
        guard options.rerank > 0, !fused.isEmpty else { return fused }
        guard let reranker else {
            degraded.append("Not reranked: no reranker is at hand")
            return fused
        }
        let numbers = fused.prefix(options.rerank).map(\.chunk.number)
        let chunks = try await index.database.chunks(numbers)
        let texts = numbers.compactMap { chunks[$0] }.map { EmbeddingText.make(title: $0.title, headings: $0.headings, text: $0.text) }
        do {
            let scores = try await reranker.scores(query, texts)
            guard scores.count == texts.count, scores.allSatisfy(\.isFinite) else {
                throw KnowledgeError.rerankerInvalid(reason: "it returned \(scores.count) finite scores for \(texts.count) texts")
            }
            reranked = scores.count
            let ranked = zip(numbers, scores).map { RankedChunk(number: $0, score: 1 / (1 + exp(-Double($1)))) }.sorted { $0.precedes($1) }
            return ReciprocalRankFusion.add(
                list("rerank", options.rerankWeight, ranked, variant: nil), to: fused, k: options.rrfK)
        } catch let error where !(error is CancellationError) && !Task.isCancelled {
            degraded.append("Not reranked: \(error)")
            return fused
        }
    }

    /// Drops what is below a threshold on the scale it is stated on.
    mutating func aboveThresholds(_ fused: [ReciprocalRankFusion.Fused]) throws -> [ReciprocalRankFusion.Fused] {
        var left = fused
        if let lowest = options.minCosine {
            if let vector {
                let scan = VectorScan(vectors: try index.vectors(count: extent.embedded))
                // A chunk that has no vector yet cannot be said to be below.
                let rows = 0..<min(extent.embedded, scan.vectors.count)
                let known = left.map { $0.chunk.number - 1 }.filter(rows.contains)
                let byRow = Dictionary(zip(known, scan.scores(vector, rows: known))) { first, _ in first }
                left = left.filter { byRow[$0.chunk.number - 1].map { Double($0) >= lowest } ?? true }
            } else {
                degraded.append("min_cosine was not applied: there is no vector of the query")
            }
        }
        if let lowest = options.minRerank {
            if reranked > 0 {
                left = left.filter { $0.signals.contains { $0.name == "rerank" && $0.score >= lowest } }
            } else if !left.isEmpty {
                degraded.append("min_rerank was not applied: nothing was reranked")
            }
        }
        belowThreshold = fused.count - left.count
        return left
    }
}
