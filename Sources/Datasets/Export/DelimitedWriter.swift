import Domain

/// Rows of a CSV or TSV file. Cells are quoted where they must be; what is no text is written as JSON.
struct DelimitedWriter {
    let delimiter: UInt8
    private(set) var columns: [String] = []
    private var places: [String: Int] = [:]

    init(delimiter: UInt8) { self.delimiter = delimiter }

    /// Columns stand in the order in which they are first seen.
    mutating func see(_ fields: [JSONField]) {
        for field in fields where places[field.name] == nil {
            places[field.name] = columns.count
            columns.append(field.name)
        }
    }

    func writeHeader(to output: inout PaddedBytes) {
        write(columns, to: &output)
    }

    func writeRow(_ fields: [JSONField], of format: DatasetFormat, to output: inout PaddedBytes, _ report: inout ExportReport) {
        var cells = [String](repeating: "", count: columns.count)
        var missing = Set(columns.indices)
        for field in fields {
            guard let place = places[field.name] else { continue }
            missing.remove(place)
            let isStructured = DelimitedHeader.structured.contains(field.name)
            if let text = JSONText.plain(field.json) {
                cells[place] = text
                if isStructured, text.first == "[" || text.first == "{" { report.lose("that \(field.name) is text, not JSON") }
            } else {
                cells[place] = field.json
                if !isStructured || field.json.first != "[" && field.json.first != "{" { report.lose("the type of \(field.name)") }
            }
        }
        let optional = Set(format.fields.map(\.name))
        for place in missing where !optional.contains(columns[place]) { report.lose("that \(columns[place]) is absent, not empty") }
        write(cells, to: &output)
    }

    private func write(_ cells: [String], to output: inout PaddedBytes) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { output.append(delimiter) }
            let needsQuotes = cell.utf8.contains { $0 == delimiter || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }
            guard needsQuotes else {
                output.append(cell)
                continue
            }
            output.append(0x22)
            for byte in cell.utf8 {
                if byte == 0x22 { output.append(0x22) }
                output.append(byte)
            }
            output.append(0x22)
        }
        output.append("\r\n")
    }
}
