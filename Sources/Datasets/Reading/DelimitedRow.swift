import Domain
import Foundation

/// The cells of one row, as places in the window.
struct DelimitedRow {
    struct Cell {
        var start: Int
        var end: Int
        /// Holds quotes that are written twice.
        var hasQuotes = false
    }
    let delimiter: UInt8
    private(set) var cells: [Cell] = []
    /// Of the row with its end.
    var length = 0
    var lines = 0
    var problem: DatasetProblem?
    private(set) var endsInsideQuotes = false

    init(delimiter: UInt8) { self.delimiter = delimiter }

    var count: Int { cells.count }

    func isBlank(_ p: UnsafePointer<UInt8>) -> Bool {
        cells.count == 1 && Bytes(start: p + cells[0].start, count: cells[0].end - cells[0].start).isBlank
    }

    /// - Returns: false where the row goes on behind `n`; everything is looked at again then.
    mutating func parse(_ p: UnsafePointer<UInt8>, _ n: Int, atEnd: Bool) -> Bool {
        cells.removeAll(keepingCapacity: true)
        problem = nil
        endsInsideQuotes = false
        lines = 0
        length = 0
        guard n > 0 else { return atEnd }
        var i = Bytes(start: p, count: n).beginsWithMark ? 3 : 0
        while true {
            var cell = Cell(start: i, end: i)
            if i < n, p[i] == 0x22 {
                guard quoted(p, &i, n, atEnd: atEnd, &cell) else { return false }
            } else {
                while i < n, p[i] != delimiter, p[i] != 0x0A { i += 1 }
                cell.end = i
                if i < n, p[i] == 0x0A, i > cell.start, p[i - 1] == 0x0D { cell.end = i - 1 }
                if i == n, atEnd, i > cell.start, p[i - 1] == 0x0D { cell.end = i - 1 }
            }
            cells.append(cell)
            if i == n {
                guard atEnd else { return false }
                lines += 1
                length = n
                return true
            }
            if p[i] == 0x0A {
                lines += 1
                length = i + 1
                return true
            }
            i += 1
        }
    }

    /// From an opening quote to the delimiter or the line's end.
    private mutating func quoted(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int, atEnd: Bool, _ cell: inout Cell) -> Bool {
        i += 1
        cell.start = i
        while true {
            guard i < n, let quote = memchr(p + i, 0x22, n - i) else {
                endsInsideQuotes = true
                guard atEnd else { return false }
                problem = DatasetProblem(
                    code: .unclosedQuote, found: "a quoted cell that the file ends in", expected: "a closing quote",
                    hint: "close the quote, and write quotes inside of a quoted cell twice")
                cell.end = n
                lines += newlines(p, cell.start, n)
                i = n
                return true
            }
            i = UnsafePointer(quote.assumingMemoryBound(to: UInt8.self)) - p
            if i + 1 < n, p[i + 1] == 0x22 {
                cell.hasQuotes = true
                i += 2
                continue
            }
            if i + 1 == n, !atEnd { return false }
            break
        }
        cell.end = i
        lines += newlines(p, cell.start, i)
        i += 1
        if i < n, p[i] == 0x0D, i + 1 == n || p[i + 1] == 0x0A {
            if i + 1 == n, !atEnd { return false }
            i += 1
        }
        if i < n, p[i] != delimiter, p[i] != 0x0A {
            problem = DatasetProblem(
                code: .invalidQuote, found: "text behind a closing quote: \(Bytes(start: p + i, count: n - i).excerpt(12))",
                expected: "the delimiter or the line's end",
                hint: "write quotes inside of a quoted cell twice")
            while i < n, p[i] != delimiter, p[i] != 0x0A { i += 1 }
        }
        return true
    }

    private func newlines(_ p: UnsafePointer<UInt8>, _ from: Int, _ to: Int) -> Int {
        Bytes(start: p + from, count: to - from).count { $0 == 0x0A }
    }

    /// The cell's text in JSON's escapes.
    func write(_ index: Int, _ p: UnsafePointer<UInt8>, to output: inout PaddedBytes) {
        let cell = cells[index]
        guard cell.hasQuotes else { return JSONText.escape(Bytes(start: p + cell.start, count: cell.end - cell.start), to: &output) }
        var i = cell.start
        while i < cell.end {
            let quote = memchr(p + i, 0x22, cell.end - i).map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) - p } ?? cell.end
            JSONText.escape(Bytes(start: p + i, count: min(quote + 1, cell.end) - i), to: &output)
            i = quote + 2
        }
    }
}
