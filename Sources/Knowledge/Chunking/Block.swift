/// A structural piece of a document: a paragraph, a list, a table, a fence of code.
struct Block: Equatable {
    enum Kind: Equatable {
        case prose
        case list
        case table
        case code
    }

    var kind: Kind
    /// Smallest pieces the block may be cut into (sentences, items, rows, lines), in order, as byte
    /// ranges of the document without surrounding white space.
    var atoms: [Range<Int>]
}

/// A heading and what stands under it before the next one.
struct Section: Equatable {
    var headings: [String]
    var level: Int
    /// The heading line's bytes; nil before the first heading.
    var headingRange: Range<Int>?
    var blocks: [Block]
}

/// A document's structure.
struct Outline: Equatable {
    /// Front-matter title or first level-1 heading.
    var title: String?
    var sections: [Section]
}
