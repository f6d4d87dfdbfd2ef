/// The distinct three-word sequences of a text, to tell how much two texts repeat each other (Broder 1997).
struct Shingles {
    private static let width = 3
    private let hashes: Set<Int>

    init(_ text: String) {
        let words = text.lowercased().split { !$0.isLetter && !$0.isNumber }
        // A text of one or two words is one sequence.
        let starts = 0...max(0, words.count - Self.width)
        hashes = Set(starts.map { words[$0..<min(words.count, $0 + Self.width)].joined(separator: " ").hashValue })
    }

    /// Jaccard index: shared sequences over all, 0 to 1.
    func similarity(to other: Shingles) -> Double {
        let shared = hashes.intersection(other.hashes).count
        return Double(shared) / Double(hashes.count + other.hashes.count - shared)
    }
}
