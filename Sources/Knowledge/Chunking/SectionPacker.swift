/// Fills chunks with the atoms of one section.
struct SectionPacker {
    struct Atom {
        var range: Range<Int>
        var tokens: Int
        var kind: Block.Kind
        /// Index of the atom's block in its section.
        var block: Int
    }

    private let atoms: [Atom]
    /// `sums[i]` is the tokens of the atoms before `i`.
    private let sums: [Int]
    private let limit: Int
    private let overlap: Int
    private let target: Int

    /// - Parameters:
    ///   - limit: most tokens of a chunk; no atom has more.
    ///   - overlap: most tokens repeated.
    ///   - even: whether chunks are made of like size, or filled one after the other.
    init(atoms: [Atom], limit: Int, overlap: Int, even: Bool = true) {
        self.atoms = atoms
        self.limit = limit
        self.overlap = min(overlap, limit / 2)
        sums = atoms.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.tokens) }
        // Chunks of like size: a full one and a stub of two sentences are found worse than two halves.
        let total = sums[sums.count - 1]
        let count = (total + limit - self.overlap - 1) / max(1, limit - self.overlap)
        target = total <= limit || !even ? limit : min(limit, total / max(1, count) + self.overlap + limit / 8)
    }

    /// Byte ranges of the chunks, in order.
    func pack() -> [Range<Int>] {
        var chunks: [Range<Int>] = []
        var start = 0
        // First atom of the chunk that is not a repetition.
        var fresh = 0
        var next = 0
        while next < atoms.count {
            let end = unitEnd(next, filled: tokens(start..<next))
            let sum = tokens(start..<end)
            if sum <= target || (next == fresh && sum <= limit) || start == next {
                next = end
                continue
            }
            chunks.append(bytes(start..<next))
            fresh = next
            start = overlapStart(before: next, unit: tokens(next..<unitEnd(next, filled: 0)), notBefore: start + 1)
        }
        if fresh < atoms.count { chunks.append(bytes(start..<atoms.count)) }
        return chunks
    }

    private func tokens(_ range: Range<Int>) -> Int { sums[range.upperBound] - sums[range.lowerBound] }

    private func bytes(_ range: Range<Int>) -> Range<Int> {
        atoms[range.lowerBound].range.lowerBound..<atoms[range.upperBound - 1].range.upperBound
    }

    /// What is placed next as one: a whole block where it fits in a chunk. A paragraph is only broken
    /// to fill a chunk that is not half full; code, tables and lists are never broken for that.
    private func unitEnd(_ index: Int, filled: Int) -> Int {
        let block = atoms[index].block
        guard index == 0 || atoms[index - 1].block != block else { return index + 1 }
        var end = index + 1
        while end < atoms.count, atoms[end].block == block { end += 1 }
        let size = tokens(index..<end)
        guard size <= limit else { return index + 1 }
        if atoms[index].kind == .prose, filled + size > target, filled < target / 2 { return index + 1 }
        return end
    }

    /// The earliest atom to repeat so that the repetition is within bounds and the next unit still fits.
    private func overlapStart(before next: Int, unit: Int, notBefore: Int) -> Int {
        var start = next
        while start > notBefore, atoms[start - 1].kind == .prose || atoms[start - 1].kind == .list {
            let size = tokens(start - 1..<next)
            guard size <= overlap, size + unit <= limit else { break }
            start -= 1
        }
        return start
    }
}
