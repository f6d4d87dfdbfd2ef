/// Tells whether text without brackets is a table, and by what its cells are parted.
enum DelimitedGuess {
    /// A header of known names decides; else two rows or more of as many cells each.
    static func encoding(_ head: Bytes) -> DatasetEncoding? {
        let candidates: [DatasetEncoding] = [.tsv, .csv]
        for encoding in candidates {
            guard let header = rows(head, encoding.delimiter!, upTo: 1).first, header.count > 1 else { continue }
            if FormatGuess.format(of: header) != nil { return encoding }
        }
        for encoding in candidates {
            let rows = rows(head, encoding.delimiter!, upTo: 3)
            guard rows.count > 1, let header = rows.first, header.count > 1, rows.allSatisfy({ $0.count == header.count }) else { continue }
            // Names are short and are no sentences.
            if header.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 40 && !$0.hasSuffix(".") }) { return encoding }
        }
        // One column of JSON under its name is a table too.
        let single = rows(head, 0x2C, upTo: 2)
        if single.count == 2, single[0].count == 1, FormatGuess.format(of: single[0]) != nil { return .csv }
        return nil
    }

    private static func rows(_ head: Bytes, _ delimiter: UInt8, upTo limit: Int) -> [[String]] {
        var rows: [[String]] = []
        var row = DelimitedRow(delimiter: delimiter)
        var at = 0
        while rows.count < limit, at < head.count, let p = head.baseAddress {
            let isWhole = row.parse(p + at, head.count - at, atEnd: false) || row.parse(p + at, head.count - at, atEnd: true)
            guard isWhole, row.problem == nil, row.length > 0 else { break }
            if !row.isBlank(p + at) {
                rows.append(
                    row.cells.map { cell in
                        Bytes(start: p + at + cell.start, count: cell.end - cell.start).text.trimmed
                    })
            }
            at += row.length
        }
        return rows
    }
}
