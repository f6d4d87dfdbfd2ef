/// Reads records of fields (RFC 4180). The first one is the header: it becomes the heading of the others, so
/// that a row alone says what its fields are.
struct RecordParser {
    let bytes: [UInt8]
    /// After the byte-order mark.
    let start: Int
    let delimiter: DocumentFormat.Delimiter

    func parse() -> Outline {
        var records = records()
        guard let first = records.first else { return Outline(title: nil, sections: []) }
        var headings: [String] = []
        if records.count > 1 {
            headings = [header(first)]
            records.removeFirst()
        }
        let blocks = records.map { Block(kind: .table, atoms: [$0]) }
        return Outline(title: nil, sections: [Section(headings: headings, level: 0, headingRange: nil, blocks: blocks)])
    }

    /// Byte ranges of the records: lines, but a line end between quotes belongs to its field.
    private func records() -> [Range<Int>] {
        var records: [Range<Int>] = []
        var begin = start
        var quoted = false
        for index in start...bytes.count {
            let atEnd = index == bytes.count
            if !atEnd, bytes[index] == UInt8(ascii: "\""), delimiter == .comma { quoted.toggle() }
            guard atEnd || (bytes[index] == 0x0A && !quoted) else { continue }
            var end = index
            while end > begin, bytes[end - 1] == 0x0D || bytes[end - 1] == 0x20 { end -= 1 }
            if end > begin { records.append(begin..<end) }
            begin = index + 1
        }
        return records
    }

    /// The names of the columns, readable: a heading is one line.
    private func header(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self).split { $0 == (delimiter == .comma ? "," : "\t") }
            .map { $0.filter { $0 != "\"" }.split(whereSeparator: \.isWhitespace).joined(separator: " ") }.joined(separator: " | ")
    }
}
