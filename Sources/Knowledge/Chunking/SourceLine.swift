/// One line of a document and the questions the block parser asks of it.
struct SourceLine {
    /// Bytes without line terminator.
    let range: Range<Int>
    /// Leading spaces, a tab counting as four.
    let indent: Int
    /// The bytes after the indentation, without trailing white space.
    let body: ArraySlice<UInt8>

    init(bytes: [UInt8], range: Range<Int>) {
        self.range = range
        var start = range.lowerBound
        var indent = 0
        while start < range.upperBound, bytes[start] == 0x20 || bytes[start] == 0x09 {
            indent += bytes[start] == 0x09 ? 4 : 1
            start += 1
        }
        var end = range.upperBound
        while end > start, bytes[end - 1] <= 0x20 { end -= 1 }
        self.indent = indent
        body = bytes[start..<end]
    }

    var isBlank: Bool { body.isEmpty }

    /// Bytes without the white space around.
    var trimmed: Range<Int> { body.startIndex..<body.endIndex }

    /// Level and text of an ATX heading (`## Title ##`).
    var heading: (level: Int, text: String)? {
        guard indent < 4, body.first == UInt8(ascii: "#") else { return nil }
        let level = body.prefix { $0 == UInt8(ascii: "#") }.count
        let rest = body.dropFirst(level)
        guard level <= 6, rest.isEmpty || rest.first == 0x20 || rest.first == 0x09 else { return nil }
        var text = rest.drop { $0 <= 0x20 }
        // Closing hashes only count after a space: "C#" keeps its own.
        let stripped = text.reversed().drop { $0 == UInt8(ascii: "#") }
        if stripped.isEmpty || stripped.first == 0x20 { text = text.prefix(stripped.count) }
        while let last = text.last, last <= 0x20 { text = text.dropLast() }
        return (level, String(decoding: text, as: UTF8.self))
    }

    /// Character and length of a code fence's run.
    var fence: (character: UInt8, length: Int)? {
        guard let first = body.first, first == UInt8(ascii: "`") || first == UInt8(ascii: "~") else { return nil }
        let length = body.prefix { $0 == first }.count
        guard length >= 3 else { return nil }
        // ```inline``` on one line is prose.
        if first == UInt8(ascii: "`"), body.dropFirst(length).contains(first) { return nil }
        return (first, length)
    }

    /// Whether the line closes a fence: the same character, at least as many, nothing after.
    func closes(_ fence: (character: UInt8, length: Int)) -> Bool {
        body.count >= fence.length && body.allSatisfy { $0 == fence.character }
    }

    /// Whether the line starts a list item.
    var isListItem: Bool {
        guard let first = body.first else { return false }
        if first == UInt8(ascii: "-") || first == UInt8(ascii: "*") || first == UInt8(ascii: "+") {
            let second = body.dropFirst().first
            return second == 0x20 || second == 0x09
        }
        let digits = body.prefix { $0 >= 0x30 && $0 <= 0x39 }.count
        guard (1...9).contains(digits) else { return false }
        let rest = body.dropFirst(digits)
        guard rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ")") else { return false }
        return rest.dropFirst().first == 0x20
    }

    var hasPipe: Bool { body.contains(UInt8(ascii: "|")) }

    /// The row under a table's header: `|---|:-:|`.
    var isTableRule: Bool {
        hasPipe && body.contains(UInt8(ascii: "-"))
            && body.allSatisfy { $0 == UInt8(ascii: "|") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ":") || $0 <= 0x20 }
    }

    /// Level of the setext heading this line makes of the one above it.
    var underline: Int? {
        guard indent < 4, body.count >= 2, let first = body.first, body.allSatisfy({ $0 == first }) else { return nil }
        return first == UInt8(ascii: "=") ? 1 : first == UInt8(ascii: "-") ? 2 : nil
    }

    /// A line that ends what stands above it in source code.
    var isClosing: Bool {
        guard let first = body.first else { return false }
        return first == UInt8(ascii: "}") || first == UInt8(ascii: ")") || first == UInt8(ascii: "]") || body.elementsEqual("end".utf8)
    }

    /// A line of three or more `-`, `*` or `_` and spaces.
    var isThematicBreak: Bool {
        guard indent < 4, let first = body.first, [UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "_")].contains(first) else {
            return false
        }
        return body.allSatisfy { $0 == first || $0 <= 0x20 } && body.filter { $0 == first }.count >= 3
    }
}
