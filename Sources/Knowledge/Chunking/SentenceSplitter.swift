/// Cuts prose after sentence ends. A wrong cut at an abbreviation costs nothing: sentences are only
/// where a chunk may end, and neighbours are joined again up to the chunk's size.
enum SentenceSplitter {
    /// Ranges without surrounding white space, in order.
    static func split(_ bytes: [UInt8], in span: Range<Int>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = span.lowerBound
        var index = start
        while index < span.upperBound {
            let end: Int
            if isWestern(bytes[index]) {
                let next = index + 1
                end = next < span.upperBound && bytes[next] <= 0x20 ? next : -1
            } else {
                end = isCJK(bytes, at: index, before: span.upperBound) ? index + 3 : -1
            }
            if end > 0 {
                append(bytes, start..<end, to: &ranges)
                start = end
                index = end
            } else {
                index += 1
            }
        }
        append(bytes, start..<span.upperBound, to: &ranges)
        return ranges
    }

    private static func isWestern(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?")
    }

    /// `。` E3 80 82, `！` EF BC 81, `？` EF BC 9F: no space follows them.
    private static func isCJK(_ bytes: [UInt8], at index: Int, before end: Int) -> Bool {
        guard index + 3 <= end else { return false }
        switch (bytes[index], bytes[index + 1], bytes[index + 2]) {
        case (0xE3, 0x80, 0x82), (0xEF, 0xBC, 0x81), (0xEF, 0xBC, 0x9F): return true
        default: return false
        }
    }

    private static func append(_ bytes: [UInt8], _ range: Range<Int>, to ranges: inout [Range<Int>]) {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, bytes[start] <= 0x20 { start += 1 }
        while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
        if start < end { ranges.append(start..<end) }
    }
}
