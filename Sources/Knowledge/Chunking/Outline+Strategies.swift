import Domain

extension Outline {
    /// The outline as a strategy sees it; `SectionPacker` does the rest.
    func arranged(for strategy: ChunkingStrategy, bytes: [UInt8]) -> Outline {
        switch strategy {
        case .structural: self
        case .fixed: Outline(title: title, sections: sections.isEmpty ? [] : [window(bytes)])
        case .rows: Outline(title: title, sections: sections.flatMap { Self.rows($0, bytes) })
        }
    }

    /// One section of single words, headings among them; code and tables stay together.
    private func window(_ bytes: [UInt8]) -> Section {
        var blocks: [Block] = []
        for section in sections {
            if let heading = section.headingRange, section.blocks.first?.atoms.first != heading {
                blocks += Self.words(heading, bytes)
            }
            for block in section.blocks {
                if block.kind == .prose || block.kind == .list {
                    blocks += block.atoms.flatMap { Self.words($0, bytes) }
                } else {
                    blocks.append(block)
                }
            }
        }
        // Records keep their header: it is in no other place.
        return Section(headings: sections.count == 1 ? sections[0].headings : [], level: 0, headingRange: nil, blocks: blocks)
    }

    private static func words(_ range: Range<Int>, _ bytes: [UInt8]) -> [Block] {
        bytes[range].split { $0 <= 0x20 }.map { Block(kind: .prose, atoms: [$0.startIndex..<$0.endIndex]) }
    }

    /// A section for each row, so that no two share a chunk.
    private static func rows(_ section: Section, _ bytes: [UInt8]) -> [Section] {
        var rows: [Section] = []
        /// Whether the last row is a question that takes what follows.
        var isQuestion = false
        func row(_ block: Block, under header: [String] = []) -> Section {
            Section(headings: section.headings + header, level: section.level, headingRange: section.headingRange, blocks: [block])
        }
        for block in section.blocks {
            switch block.kind {
            case .prose:
                if startsQuestion(block, bytes) {
                    isQuestion = true
                    rows.append(row(block))
                } else if isQuestion {
                    rows[rows.count - 1].blocks.append(block)
                } else {
                    rows.append(row(block))
                }
            case .table where block.atoms.count > 2:
                isQuestion = false
                let header = String(decoding: bytes[block.atoms[0]], as: UTF8.self)
                rows += block.atoms.dropFirst(2).map { row(Block(kind: .table, atoms: [$0]), under: [header]) }
            case .list where !isQuestion: rows += block.atoms.map { row(Block(kind: .list, atoms: [$0])) }
            default:
                if isQuestion { rows[rows.count - 1].blocks.append(block) } else { rows.append(row(block)) }
            }
        }
        return rows
    }

    /// `Q:`, `Q.`, `Question:`, `**Q:**`.
    private static func startsQuestion(_ block: Block, _ bytes: [UInt8]) -> Bool {
        guard let first = block.atoms.first else { return false }
        let start = String(decoding: bytes[first].prefix(24), as: UTF8.self).lowercased().drop { $0 == "*" || $0 == "_" }
        return ["q:", "q.", "question:", "q :"].contains { start.hasPrefix($0) }
    }
}
