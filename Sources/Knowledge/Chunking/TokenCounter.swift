/// Asks the embedder for token counts in batches of bounded size.
struct TokenCounter {
    /// Texts and bytes per request: enough to hide the round trip, little enough for a pipe.
    private static let batchTexts = 512
    private static let batchBytes = 1 << 20

    let embedder: any Embedder

    /// Tokens the embedder counts for an empty text, such as `[CLS]` and `[SEP]`.
    func specialTokens() async throws -> Int {
        try await request([""])[0]
    }

    /// Tokens per text, special ones not counted.
    func counts(_ texts: [String], special: Int) async throws -> [Int] {
        var counts: [Int] = []
        counts.reserveCapacity(texts.count)
        var start = 0
        while start < texts.count {
            try Task.checkCancellation()
            var end = start
            var bytes = 0
            while end < texts.count, end - start < Self.batchTexts, end == start || bytes + texts[end].utf8.count <= Self.batchBytes {
                bytes += texts[end].utf8.count
                end += 1
            }
            counts += try await request(Array(texts[start..<end])).map { max(0, $0 - special) }
            start = end
        }
        return counts
    }

    private func request(_ texts: [String]) async throws -> [Int] {
        let counts = try await embedder.tokenCounts(texts)
        guard counts.count == texts.count else {
            throw KnowledgeError.embedderInvalid(
                reason: "\(embedder.identity.model) returned \(counts.count) token counts for \(texts.count) texts")
        }
        return counts
    }
}
