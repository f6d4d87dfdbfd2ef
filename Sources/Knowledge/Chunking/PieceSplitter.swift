/// Cuts a sentence, row or line that alone is over the limit.
enum PieceSplitter {
    /// About `count` pieces of like size, cut at a line end, else at a space, else between characters.
    /// Always at least two when the range holds two characters.
    static func split(_ bytes: [UInt8], _ range: Range<Int>, into count: Int) -> [Range<Int>] {
        let size = max(1, range.count / max(2, count))
        var pieces: [Range<Int>] = []
        var start = range.lowerBound
        while start < range.upperBound {
            let target = start + size
            // A last piece of a few bytes is not worth its own place.
            if range.upperBound - target <= size / 4 {
                if start > range.lowerBound || target >= range.upperBound {
                    pieces.append(start..<range.upperBound)
                    break
                }
            }
            let cut = boundary(bytes, after: start, near: target, before: range.upperBound)
            pieces.append(start..<cut)
            start = cut
            while start < range.upperBound, bytes[start] <= 0x20 { start += 1 }
        }
        return pieces.compactMap { piece in
            var end = piece.upperBound
            while end > piece.lowerBound, bytes[end - 1] <= 0x20 { end -= 1 }
            return piece.lowerBound < end ? piece.lowerBound..<end : nil
        }
    }

    private static func boundary(_ bytes: [UInt8], after start: Int, near target: Int, before limit: Int) -> Int {
        guard target < limit else { return limit }
        let earliest = start + (target - start) / 2
        for isBoundary in [{ $0 == 0x0A }, { $0 == 0x20 || $0 == 0x09 }] as [(UInt8) -> Bool] {
            if let cut = (earliest..<target).reversed().first(where: { $0 > start && isBoundary(bytes[$0]) }) { return cut }
        }
        // Never inside a character: continuation bytes are 10xxxxxx.
        var cut = max(target, start + 1)
        while cut < limit, bytes[cut] & 0xC0 == 0x80 { cut += 1 }
        return cut
    }
}
