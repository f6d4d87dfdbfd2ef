/// Collects blocks under the headings open at the moment.
struct OutlineBuilder {
    /// Title from front matter; wins over the first heading.
    var title: String?
    private var firstHeading: String?
    private var path: [(level: Int, text: String)] = []
    private var sections: [Section] = [Section(headings: [], level: 0, headingRange: nil, blocks: [])]

    mutating func add(_ block: Block) {
        guard !block.atoms.isEmpty else { return }
        sections[sections.count - 1].blocks.append(block)
    }

    mutating func open(level: Int, text: String, range: Range<Int>) {
        path.removeAll { $0.level >= level }
        if !text.isEmpty {
            path.append((level, text))
            if level == 1, firstHeading == nil { firstHeading = text }
        }
        sections.append(Section(headings: path.map(\.text), level: level, headingRange: range, blocks: []))
    }

    /// A rule between two blocks: a change of subject without a heading. It belongs to no chunk.
    mutating func separate() {
        guard let current = sections.last, !current.blocks.isEmpty else { return }
        sections.append(Section(headings: current.headings, level: current.level, headingRange: nil, blocks: []))
    }

    /// Sections that hold something. A heading with neither text nor subsections becomes its own text,
    /// or it could never be found; one with subsections lives on in their paths.
    var outline: Outline {
        var kept: [Section] = []
        for (index, section) in sections.enumerated() {
            if !section.blocks.isEmpty {
                kept.append(section)
            } else if let heading = section.headingRange, !heading.isEmpty,
                index + 1 == sections.count || sections[index + 1].level <= section.level
            {
                var section = section
                section.blocks = [Block(kind: .prose, atoms: [heading])]
                kept.append(section)
            }
        }
        return Outline(title: title ?? firstHeading, sections: kept)
    }
}
