/// Tells whether text without brackets is a table, and what stands between its cells.
enum DelimitedGuess {
    /// The likeliest last: a comma stands in prose and in numbers too, so it decides only where nothing else does.
    private static let candidates: [UInt8] = [0x09, 0x3B, 0x7C, 0x2C]
    /// `"sep=;"` and a line end.
    static let longestSeparatorLine = 9

    /// What stands between the cells of a table: Excel's first line says so, or a header of known names, or rows of as many cells each.
    /// - Parameters:
    ///   - encoding: nil where the text need not be a table.
    ///   - fields: names that the format's fields have in this file.
    /// - Returns: nil where the text is no table.
    static func delimiter(_ head: Bytes, fields: [String: String]) -> UInt8? {
        separatorLine(head)?.delimiter ?? delimiter(head, among: candidates, fields: fields) ?? (isOneKnownColumn(head, fields) ? 0x2C : nil)
    }

    /// The same of what is said to be a table.
    static func delimiter(_ head: Bytes, of encoding: DatasetEncoding, fields: [String: String]) -> UInt8 {
        if let said = separatorLine(head) { return said.delimiter }
        if encoding == .tsv { return 0x09 }
        return delimiter(head, among: candidates.filter { $0 != 0x09 }, fields: fields) ?? 0x2C
    }

    /// `sep=;` in the first line, which Excel writes and reads, and nobody else: it is no row.
    static func separatorLine(_ head: Bytes) -> (delimiter: UInt8, length: Int)? {
        var at = 0
        func take(_ matches: (UInt8) -> Bool) -> UInt8? {
            guard at < head.count, matches(head[at]) else { return nil }
            at += 1
            return head[at - 1]
        }
        let isQuoted = take { $0 == 0x22 } != nil
        for letter in "sep".utf8 { if take({ $0 | 0x20 == letter }) == nil { return nil } }
        guard take({ $0 == 0x3D }) != nil, let delimiter = take({ $0 != 0x22 && $0 != 0x0A && $0 != 0x0D && $0 < 0x80 }) else { return nil }
        if isQuoted, take({ $0 == 0x22 }) == nil { return nil }
        _ = take { $0 == 0x0D }
        guard take({ $0 == 0x0A }) != nil || at == head.count else { return nil }
        return (delimiter, at)
    }

    private static func delimiter(_ head: Bytes, among candidates: [UInt8], fields: [String: String]) -> UInt8? {
        for delimiter in candidates {
            guard let header = rows(head, delimiter, upTo: 1).first, header.count > 1 else { continue }
            if isKnown(header, fields) { return delimiter }
        }
        return candidates.first { delimiter in
            let rows = rows(head, delimiter, upTo: 3)
            guard rows.count > 1, let header = rows.first, header.count > 1, rows.allSatisfy({ $0.count == header.count }) else { return false }
            // Names are short and are no sentences.
            return header.allSatisfy { !$0.isEmpty && $0.utf8.count <= 40 && !$0.hasSuffix(".") }
        }
    }

    /// One column of JSON under its name is a table too.
    private static func isOneKnownColumn(_ head: Bytes, _ fields: [String: String]) -> Bool {
        let rows = rows(head, 0x2C, upTo: 2)
        return rows.count == 2 && rows[0].count == 1 && isKnown(rows[0], fields)
    }

    private static func isKnown(_ header: [String], _ fields: [String: String]) -> Bool {
        if FormatGuess.format(of: header) != nil { return true }
        return !fields.isEmpty && DatasetFormat.allCases.contains { FormatGuess.names(of: $0, in: header, given: fields) != nil }
    }

    /// The first rows, with their cells as text.
    static func rows(_ head: Bytes, _ delimiter: UInt8, upTo limit: Int) -> [[String]] {
        var rows: [[String]] = []
        var row = DelimitedRow(delimiter: delimiter)
        var at = separatorLine(head)?.length ?? 0
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
