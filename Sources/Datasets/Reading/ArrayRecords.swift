import Foundation

/// One JSON list: each element is a record. Elements are found by quotes and brackets alone; what they hold is checked by who reads them.
final class ArrayRecords: RecordSource {
    private enum State {
        case before, inside, behind
    }
    private let window: ByteWindow
    private let limit: Int
    private var state = State.before
    private var pending = 0
    private var newlines = 0

    init(_ window: ByteWindow, limit: Int) {
        self.window = window
        self.limit = limit
    }

    /// Line ends passed, and the line begun.
    var lines: Int { window.bytesRead == 0 ? 0 : newlines + 1 }

    func next() throws -> Record? {
        advance(pending)
        pending = 0
        if state == .behind { return nil }
        guard try skipSpace() else { return state == .before ? nil : cut(newlines + 1) }
        switch state {
        case .before:
            guard window.base[0] == 0x5B else { return try refuse("text that is no list") }
            advance(1)
            guard try skipSpace() else { return cut(newlines + 1) }
            if window.base[0] == 0x5D { return try end() }
        default:
            // Behind an element there is a comma or the bracket, or it would not have ended.
            if window.base[0] == 0x5D { return try end() }
            advance(1)
            guard try skipSpace() else { return cut(newlines + 1) }
        }
        state = .inside
        return try element(from: newlines + 1)
    }

    private func element(from line: Int) throws -> Record {
        var scan = ElementScan()
        var at = 0
        var dropped = 0
        while true {
            if let end = scan.advance(window.base, from: &at, to: window.count) {
                guard dropped + end > limit else {
                    pending = end
                    return Record(line: line, content: .bytes(Bytes(start: window.base, count: end)))
                }
                advance(end)
                return Record(line: line, content: .problem(.tooLong(line: line, bytes: dropped + end, limit: limit, what: "element")))
            }
            if window.count > limit {
                dropped += window.count
                advance(window.count)
                at = 0
            }
            if try !window.fill() { return cut(line) }
        }
    }

    private func end() throws -> Record? {
        advance(1)
        state = .behind
        guard try skipSpace() else { return nil }
        return try refuse("more text behind the list's closing bracket")
    }

    private func refuse(_ found: String) throws -> Record {
        let line = newlines + 1
        let excerpt = Bytes(start: window.base, count: window.count).excerpt(20)
        state = .behind
        repeat { advance(window.count) } while try window.fill()
        let problem = DatasetProblem(
            line: line, code: .invalidJSON, found: "\(found): \(excerpt)", expected: "one JSON list of examples",
            hint: "write [example, example, …], or one example a line without the brackets")
        return Record(line: line, content: .problem(problem))
    }

    private func cut(_ line: Int) -> Record {
        state = .behind
        advance(window.count)
        let problem = DatasetProblem(
            line: line, code: .unclosedArray, found: "the list is not closed: the file ends inside of what begins here", expected: "a closing ]",
            hint: "the file was cut, or a bracket or a quote is missing in this element: make the file again")
        return Record(line: line, content: .problem(problem))
    }

    private func skipSpace() throws -> Bool {
        while true {
            var i = 0
            JSONScan.skipSpace(window.base, &i, window.count)
            advance(i)
            if window.count > 0 { return true }
            if try !window.fill() { return false }
        }
    }

    private func advance(_ length: Int) {
        var at = window.base
        let end = at + length
        while at < end, let newline = memchr(at, 0x0A, end - at) {
            newlines += 1
            at = UnsafePointer(newline.assumingMemoryBound(to: UInt8.self)) + 1
        }
        window.consume(length)
    }
}

/// Finds where an element of a list ends, in as many steps as there are blocks.
struct ElementScan {
    private var depth = 0
    private var inString = false

    /// - Parameter at: where to go on; afterwards where to go on with more.
    /// - Returns: the offset of the comma or bracket behind the element.
    mutating func advance(_ p: UnsafePointer<UInt8>, from at: inout Int, to n: Int) -> Int? {
        var i = at
        defer { at = i }
        while i < n {
            if inString {
                let block = Lanes.load(p + i)
                i += Lanes.first(Lanes.equal(block, 0x22) | Lanes.equal(block, 0x5C))
                if i >= n {
                    i = n
                    return nil
                }
                if p[i] == 0x22 {
                    inString = false
                    i += 1
                } else if p[i] == 0x5C {
                    // An escape at the block's end is looked at again with what follows.
                    guard i + 1 < n else { return nil }
                    i += 2
                }
                continue
            }
            switch p[i] {
            case 0x22: inString = true
            case 0x7B, 0x5B: depth += 1
            case 0x7D: depth -= 1
            case 0x5D:
                if depth <= 0 { return i }
                depth -= 1
            case 0x2C:
                if depth <= 0 { return i }
            default: break
            }
            i += 1
        }
        return nil
    }
}
