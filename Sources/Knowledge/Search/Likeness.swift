/// How close chunks are to each other by their vectors.
struct Likeness: Sendable {
    let vectors: VectorFiles
    /// Chunks that have a vector: the first so many.
    let count: Int

    /// The greatest cosine similarity of one chunk to others; below any where it or all of them have no vector.
    func greatest(_ number: Int, _ others: [Int]) -> Double {
        let known = 1..<min(count, vectors.count) + 1
        guard known.contains(number) else { return -.infinity }
        let scores = VectorScan(vectors: vectors).scores(
            vectors.floats.floats(number - 1..<number), rows: others.filter(known.contains).map { $0 - 1 })
        return scores.max().map(Double.init) ?? -.infinity
    }
}
