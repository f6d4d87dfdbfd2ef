/// Finds addresses, keys and card numbers in a text. Eight bytes at a time it looks for what all of them have: an `@`, a dash, no white
/// space, or six digits. Only there it looks closer.
package struct SensitiveScan {
    package struct Match: Equatable {
        package var kind: SensitiveKind
        package var range: Range<Int>
    }

    /// Appends each place, from front to back within its kind. ``PaddedBytes/padding`` bytes behind the text must be readable.
    static func scan(_ text: Bytes, into found: inout [Match]) {
        guard let p = text.baseAddress else { return }
        let n = text.count
        var closer = CloserLook()
        var i = 0
        while i < n {
            let block = Lanes.load(p + i)
            // White space, control characters, what is not ASCII.
            if Lanes.below(block, 0x21) == 0 { closer.inRun(p, n, i, &found) }
            // From the dash to the at sign, the digits between them: rare in prose.
            if Lanes.within(block, 0x2D, 0x40) != 0 {
                if Lanes.equal(block, 0x40) | Lanes.equal(block, 0x2D) != 0 { closer.atMarks(p, n, i, &found) }
                if Lanes.within(block, 0x30, 0x39).nonzeroBitCount >= 6 { closer.atDigits(p, n, i, &found) }
            }
            i += Lanes.width
        }
    }

    /// All of them in order, without those that overlap an earlier one.
    package static func matches(_ text: Bytes) -> [Match] {
        var all: [Match] = []
        scan(text, into: &all)
        all.sort { ($0.range.lowerBound, $1.range.count) < ($1.range.lowerBound, $0.range.count) }
        var end = 0
        return all.filter { match in
            guard match.range.lowerBound >= end else { return false }
            end = match.range.upperBound
            return true
        }
    }
}
