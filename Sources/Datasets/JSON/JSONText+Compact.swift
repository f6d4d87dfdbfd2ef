import Domain

extension JSONText {
    /// The same JSON without white space between its parts.
    static func compact(_ json: Bytes, to output: inout PaddedBytes) {
        guard let p = json.baseAddress else { return }
        var i = 0
        var done = 0
        while i < json.count {
            switch p[i] {
            case 0x22:
                // Over the text; the JSON was scanned.
                i += 1
                while p[i] != 0x22 { i += p[i] == 0x5C ? 2 : 1 }
                i += 1
            case 0x20, 0x0A, 0x0D, 0x09:
                output.append(p + done, i - done)
                i += 1
                done = i
            default: i += 1
            }
        }
        output.append(p + done, json.count - done)
    }

    static func compact(_ json: Bytes) -> String {
        var output = PaddedBytes(capacity: max(16, json.count))
        compact(json, to: &output)
        return output.bytes.text
    }

    /// The same JSON with each of its texts (not its keys) replaced by what `change` makes of it.
    static func mapTexts(_ json: String, _ change: (Bytes) -> [UInt8]?) -> String {
        let source = PaddedBytes(json.utf8)
        var tape = JSONTape()
        guard tape.scan(source.bytes) == nil else { return json }
        var output = PaddedBytes(capacity: max(16, source.count))
        var done = 0
        for index in TextTokens.values(of: tape, in: 0..<tape.count) {
            let token = tape[index]
            let raw = Bytes(start: source.base + Int(token.start), count: Int(token.end - token.start))
            var plain = PaddedBytes(capacity: max(16, raw.count))
            plain.count = unescape(raw, to: plain.base)
            guard let changed = change(plain.bytes) else { continue }
            output.append(source.base + done, Int(token.start) - done)
            changed.withUnsafeBufferPointer { escape($0, to: &output) }
            done = Int(token.end)
        }
        output.append(source.base + done, source.count - done)
        return output.bytes.text
    }
}

enum TextTokens {
    /// The strings among some tokens that are values, not keys. The range begins with a value.
    static func values(of tape: borrowing JSONTape, in range: Range<Int>) -> [Int] {
        var found: [Int] = []
        // Ends of the objects and lists that are open, and whether each is an object.
        var open: [(end: Int, isObject: Bool)] = []
        var isKey = false
        var at = range.lowerBound
        while at < range.upperBound {
            while let last = open.last, last.end == at { open.removeLast() }
            if let last = open.last, last.isObject, !isKey {
                // A key stands here, its value behind it.
                isKey = true
                at += 1
                continue
            }
            isKey = false
            switch tape[at].kind {
            case .object where Int(tape[at].next) > at + 1: open.append((Int(tape[at].next), true))
            case .array where Int(tape[at].next) > at + 1: open.append((Int(tape[at].next), false))
            case .string: found.append(at)
            default: break
            }
            at += 1
        }
        return found
    }
}
