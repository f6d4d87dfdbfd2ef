/// A chunk's number and its score in one half of a search.
struct RankedChunk: Sendable, Equatable {
    /// Row number in the chunks table, from 1.
    var number: Int
    /// Larger is better.
    var score: Double

    /// Whether the chunk comes before another. Equal scores are ordered by number, so that a result
    /// does not depend on how the scan was divided.
    func precedes(_ other: RankedChunk) -> Bool {
        score != other.score ? score > other.score : number < other.number
    }
}
