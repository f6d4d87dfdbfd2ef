import Foundation

/// Finds examples that were seen before, in bounded memory: what does not fit goes to disk, in 64 parts by hash, which are looked
/// through one by one at the end.
final class DuplicateFinder {
    private static let parts = 64
    private static let buffered = 1024

    private var seen: SeenSet
    private let scratch: URL
    private var spill: [SpillFile] = []

    init(limit: Int, scratch: URL) {
        seen = SeenSet(limit: limit)
        self.scratch = scratch
    }

    /// - Returns: the line of the first of its kind. What went to disk is answered by `finish`.
    func add(_ print: Fingerprint, line: Int) throws -> Int? {
        let (high, low) = print.value
        switch seen.insert(high: high, low: low, line: line) {
        case .new: return nil
        case .seen(let first): return first
        case .full:
            if spill.isEmpty { for _ in 0..<Self.parts { spill.append(try SpillFile(in: scratch, buffered: Self.buffered)) } }
            try spill[Int(high >> 58)].append(.init(high: high, low: low, line: UInt32(clamping: line)))
            return nil
        }
    }

    /// Tells what was found on disk: a line and the earlier one it repeats.
    func finish(_ found: (_ line: Int, _ first: Int) -> Void) throws {
        for part in spill {
            let count = try part.flush()
            // A part that does not fit at once is taken in pieces, each against all that follows it.
            var start = 0
            var answered: Set<Int> = []
            while start < count {
                seen.removeAll()
                var next = count
                var offset = start
                while offset < count {
                    try Task.checkCancellation()
                    for entry in try part.read(from: offset, upTo: count) {
                        if !answered.contains(offset) {
                            switch seen.insert(high: entry.high, low: entry.low, line: Int(entry.line)) {
                            case .new: break
                            case .full: next = min(next, offset)
                            case .seen(let first):
                                found(Int(entry.line), first)
                                if offset > next { answered.insert(offset) }
                            }
                        }
                        offset += 1
                    }
                }
                start = next
            }
        }
        spill = []
    }
}
