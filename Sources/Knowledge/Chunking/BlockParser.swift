/// Splits a document into sections and blocks. A line scanner for the part of CommonMark that decides
/// where a text may be cut; inline markup is left alone.
struct BlockParser {
    private let bytes: [UInt8]
    private let lines: [SourceLine]
    private let format: DocumentFormat

    init(text: String, format: DocumentFormat) {
        bytes = Array(text.utf8)
        lines = Self.lines(of: bytes)
        self.format = format
    }

    func parse() -> Outline {
        switch format {
        case .markdown: parseMarkdown()
        case .plain: parsePlain()
        case .code: parseCode()
        case .rows(let delimiter): RecordParser(bytes: bytes, start: lines.first?.range.lowerBound ?? 0, delimiter: delimiter).parse()
        }
    }

    private static func lines(of bytes: [UInt8]) -> [SourceLine] {
        var lines: [SourceLine] = []
        var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            lines.append(SourceLine(bytes: bytes, range: start..<end))
            start = end + 1
        }
        return lines
    }

    private func parsePlain() -> Outline {
        var builder = OutlineBuilder()
        var index = 0
        while index < lines.count {
            if lines[index].isBlank {
                index += 1
            } else {
                let end = lines[index...].firstIndex { $0.isBlank } ?? lines.count
                builder.add(prose(index..<end))
                index = end
            }
        }
        return builder.outline
    }

    /// A block is a top-level declaration with the comment above it: it begins at the margin after a blank
    /// line or a closing bracket. Blank lines inside one are no end.
    private func parseCode() -> Outline {
        var builder = OutlineBuilder()
        var start = 0
        for index in lines.indices.dropFirst() where lines[index].indent == 0 && !lines[index].isBlank && !lines[index].isClosing {
            let before = lines[index - 1]
            guard before.isBlank || (before.isClosing && before.indent == 0) else { continue }
            builder.add(code(start..<index))
            start = index
        }
        builder.add(code(start..<lines.count))
        return builder.outline
    }

    private func parseMarkdown() -> Outline {
        var builder = OutlineBuilder()
        var index = 0
        if let matter = FrontMatter(lines: lines) {
            builder.title = matter.title
            builder.add(code(0..<matter.end))
            index = matter.end
        }
        while index < lines.count {
            let line = lines[index]
            if line.isBlank {
                index += 1
            } else if let fence = line.fence {
                let end = endOfFence(fence, from: index)
                builder.add(code(index..<end))
                index = end
            } else if let heading = line.heading {
                builder.open(level: heading.level, text: heading.text, range: line.trimmed)
                index += 1
            } else if line.isThematicBreak {
                builder.separate()
                index += 1
            } else if isTable(at: index) {
                let end = lines[index...].firstIndex { !$0.hasPipe } ?? lines.count
                builder.add(Block(kind: .table, atoms: lines[index..<end].map(\.trimmed)))
                index = end
            } else if line.isListItem {
                let end = endOfList(from: index)
                builder.add(list(index..<end))
                index = end
            } else if line.indent >= 4 {
                let end = lines[index...].firstIndex { !$0.isBlank && $0.indent < 4 } ?? lines.count
                builder.add(code(index..<end))
                index = end
            } else {
                index = paragraph(from: index, into: &builder)
            }
        }
        return builder.outline
    }

    /// Reads a paragraph, or a setext heading; returns the line after it.
    private func paragraph(from start: Int, into builder: inout OutlineBuilder) -> Int {
        var end = start + 1
        while end < lines.count {
            let line = lines[end]
            if let level = line.underline, end == start + 1 {
                let heading = lines[start].trimmed
                builder.open(level: level, text: String(decoding: bytes[heading], as: UTF8.self), range: heading)
                return end + 1
            }
            if line.isBlank || line.fence != nil || line.heading != nil || line.isListItem || line.isThematicBreak || isTable(at: end) {
                break
            }
            end += 1
        }
        builder.add(prose(start..<end))
        return end
    }

    private func isTable(at index: Int) -> Bool {
        lines[index].hasPipe && index + 1 < lines.count && lines[index + 1].isTableRule
    }

    /// The line after a fence's closing line; the end of the document if it never closes.
    private func endOfFence(_ fence: (character: UInt8, length: Int), from start: Int) -> Int {
        lines[(start + 1)...].firstIndex { $0.closes(fence) }.map { $0 + 1 } ?? lines.count
    }

    /// A list ends at a heading, or where a line after a blank one is neither item nor indented.
    private func endOfList(from start: Int) -> Int {
        var index = start
        var end = start
        var afterBlank = false
        while index < lines.count {
            let line = lines[index]
            if line.isBlank {
                afterBlank = true
                index += 1
                continue
            }
            if index > start, line.indent < 2 {
                if line.heading != nil || line.fence != nil || line.isThematicBreak { break }
                if afterBlank, !line.isListItem { break }
            }
            // A fence inside an item is part of it, blank lines and all.
            index = line.fence.map { endOfFence($0, from: index) } ?? index + 1
            end = index
            afterBlank = false
        }
        return end
    }

    private func prose(_ range: Range<Int>) -> Block {
        let span = lines[range.lowerBound].trimmed.lowerBound..<lines[range.upperBound - 1].trimmed.upperBound
        return Block(kind: .prose, atoms: SentenceSplitter.split(bytes, in: span))
    }

    /// Lines of code keep their indentation; blank lines only separate.
    private func code(_ range: Range<Int>) -> Block {
        let atoms = lines[range].filter { !$0.isBlank }.map { $0.range.lowerBound..<$0.trimmed.upperBound }
        return Block(kind: .code, atoms: atoms)
    }

    /// One atom per outermost item, with whatever belongs to it.
    private func list(_ range: Range<Int>) -> Block {
        var atoms: [Range<Int>] = []
        for line in lines[range] where !line.isBlank {
            if atoms.isEmpty || (line.isListItem && line.indent < 2) {
                atoms.append(line.trimmed)
            } else {
                atoms[atoms.count - 1] = atoms[atoms.count - 1].lowerBound..<line.trimmed.upperBound
            }
        }
        return Block(kind: .list, atoms: atoms)
    }
}
