/// Finds addresses, keys and card numbers in a text. Eight bytes at a time it looks for what all of them have: an `@`, a dash, no white
/// space, or six digits. Only there it looks closer.
struct SensitiveScan {
    struct Match: Equatable {
        var kind: SensitiveKind
        var range: Range<Int>
    }

    /// Calls `found` with each place, from front to back within its kind. ``PaddedBytes/padding`` bytes behind the text must be readable.
    @inline(__always)
    static func scan(_ text: Bytes, _ found: (Match) -> Void) {
        guard let p = text.baseAddress else { return }
        let n = text.count
        var closer = CloserLook()
        var i = 0
        while i < n {
            let block = Lanes.load(p + i)
            if Lanes.equal(block, 0x40) | Lanes.equal(block, 0x2D) != 0 { closer.atMarks(p, n, i, found) }
            // White space, control characters, what is not ASCII.
            if Lanes.below(block, 0x21) == 0 { closer.inRun(p, n, i, found) }
            let digits = Lanes.digits(block)
            if digits != 0, digits.nonzeroBitCount >= 6 { closer.atDigits(p, n, i, found) }
            i += Lanes.width
        }
    }

    /// All of them in order, without those that overlap an earlier one.
    static func matches(_ text: Bytes) -> [Match] {
        var all: [Match] = []
        scan(text) { all.append($0) }
        all.sort { ($0.range.lowerBound, $1.range.count) < ($1.range.lowerBound, $0.range.count) }
        var end = 0
        return all.filter { match in
            guard match.range.lowerBound >= end else { return false }
            end = match.range.upperBound
            return true
        }
    }
}
