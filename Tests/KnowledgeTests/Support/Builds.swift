import Foundation
import Knowledge

/// Builds with defaults that suit most tests.
func build(
    _ sources: [URL], into directory: URL, embedder: any Embedder = HashingEmbedder(),
    extractor: (any ArchiveExtractor)? = nil, settings: ChunkingSettings = .init(),
    onProgress: @Sendable (IndexProgress) -> Void = { _ in }
) async throws -> CollectionSummary {
    try await CollectionBuilder(embedder: embedder, extractor: extractor, settings: settings)
        .build(sources: sources, into: directory, onProgress: onProgress)
}

/// Synthetic documents that share words in varying measure.
func corpus(documents: Int, sentences: Int = 12) -> String {
    let words = ["river", "stone", "lamp", "glass", "winter", "engine", "paper", "garden", "copper", "violin", "harbour", "cloud"]
    return (0..<documents).map { document in
        let text = (0..<sentences).map { sentence in
            (0..<8).map { words[(document * 7 + sentence * 3 + $0 * $0 * (document % 5 + 1)) % words.count] }.joined(separator: " ") + "."
        }.joined(separator: " ")
        return "{\"_id\": \"d\(document)\", \"title\": \"note \(document)\", \"text\": \"\(text)\"}"
    }.joined(separator: "\n")
}

/// What a search says, without its clock.
func answers(_ directory: URL, _ queries: [String]) async throws -> [SearchReply] {
    let index = try CollectionIndex.open(directory)
    var replies: [SearchReply] = []
    for query in queries {
        for strategy in SearchStrategy.allCases {
            var reply = try await index.search(query, embedder: HashingEmbedder(), options: SearchOptions(k: 20, strategy: strategy))
            reply.milliseconds = 0
            replies.append(reply)
        }
    }
    return replies
}
