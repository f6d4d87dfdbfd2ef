/// Cuts documents into chunks: by structure first, by tokens where a part is too long.
///
/// Headings open sections, and no chunk spans two. Within a section paragraphs, lists, tables and code
/// are kept whole where they fit into `maxTokens`; a longer one is cut between sentences, items, rows
/// or lines, and only a single sentence over the limit is cut inside. Each part of a table after the first
/// has the table's header as its last heading.
public struct Chunker: Sendable {
    /// Tokens kept free in the embedder's input for its own marks, which counts may leave out.
    private static let reservedTokens = 8

    private let embedder: any Embedder
    private let settings: ChunkingSettings

    public init(embedder: any Embedder, settings: ChunkingSettings = .init()) {
        self.embedder = embedder
        self.settings = settings.normalised
    }

    /// The chunks of each document, in the order of the documents and of their text. Several documents
    /// at once save round trips to the embedder.
    ///
    /// - Throws: what `Embedder.tokenCounts` throws; `KnowledgeError.embedderInvalid` on a wrong count.
    public func chunk(_ documents: [Document]) async throws -> [[Chunk]] {
        let counter = TokenCounter(embedder: embedder)
        let special = try await counter.specialTokens()
        var drafts: [Draft] = []
        for (index, document) in documents.enumerated() {
            let bytes = Array(document.text.utf8)
            let outline = BlockParser(text: document.text, format: document.format).parse()
            for section in outline.arranged(for: settings.strategy, bytes: bytes).sections {
                drafts.append(Draft(document: index, bytes: bytes, section: section))
            }
        }
        let prefixes = try await counter.counts(
            drafts.map {
                EmbeddingText.prefix(
                    title: documents[$0.document].title, headings: $0.section.headings + $0.longestHeader(over: settings.maxTokens))
            }, special: special)
        for index in drafts.indices {
            // What the embedder cannot read would be in the index but never be found by meaning.
            let room = embedder.identity.maxTokens - max(special, Self.reservedTokens) - prefixes[index]
            drafts[index].limit = max(8, min(settings.maxTokens, room))
        }
        try await measure(&drafts, counter: counter, special: special)
        return try await finish(drafts, documents: documents, counter: counter, special: special)
    }

    /// A section on its way to chunks.
    private struct Draft {
        let document: Int
        let bytes: [UInt8]
        let section: Section
        var limit = 0
        var atoms: [SectionPacker.Atom] = []

        func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

        /// Longest header of a table that is repeated, in bytes: a longer one would leave no room for the rows.
        private static let headerBytes = 600

        /// Tables with rows under a header, in the order of the text.
        private let tables: [Table]

        private struct Table {
            let bytes: Range<Int>
            let header: Range<Int>
        }

        init(document: Int, bytes: [UInt8], section: Section) {
            self.document = document
            self.bytes = bytes
            self.section = section
            tables = section.blocks.compactMap { block in
                guard block.kind == .table, block.atoms.count > 2, let first = block.atoms.first, let last = block.atoms.last,
                    first.count <= Self.headerBytes
                else { return nil }
                return Table(bytes: first.lowerBound..<last.upperBound, header: first)
            }
        }

        /// What parts of the section may have as a further heading: of tables with more bytes than that, which may be cut.
        func longestHeader(over bytes: Int) -> [String] {
            tables.filter { $0.bytes.count > bytes }.max { $0.header.count < $1.header.count }.map { [text($0.header)] } ?? []
        }

        /// The headings over the text from `start`: where that is within a table, its header too.
        func headings(at start: Int) -> [String] {
            // The last table that begins before; a document may have thousands.
            var (low, high) = (0, tables.count)
            while low < high {
                let middle = (low + high) / 2
                if tables[middle].bytes.lowerBound < start { low = middle + 1 } else { high = middle }
            }
            guard low > 0, tables[low - 1].bytes.contains(start) else { return section.headings }
            return section.headings + [text(tables[low - 1].header)]
        }

        /// Code that does not fit into a chunk is cut at its blank lines first: what stands between two
        /// of them becomes a block of its own.
        mutating func separateLongCode() {
            let sizes = atoms.reduce(into: [:]) { $0[$1.block, default: 0] += $1.tokens }
            var block = -1
            var last = -1
            for index in atoms.indices {
                let original = atoms[index].block
                let isLong = atoms[index].kind == .code && sizes[original, default: 0] > limit
                let gap = index > 0 ? bytes[atoms[index - 1].range.upperBound..<atoms[index].range.lowerBound] : []
                if original != last || (isLong && gap.count(where: { $0 == 0x0A }) > 1) { block += 1 }
                last = original
                atoms[index].block = block
            }
        }
    }

    /// Counts every atom and cuts those over the limit until none is.
    private func measure(_ drafts: inout [Draft], counter: TokenCounter, special: Int) async throws {
        for index in drafts.indices {
            for (block, content) in drafts[index].section.blocks.enumerated() {
                drafts[index].atoms += content.atoms.map { .init(range: $0, tokens: -1, kind: content.kind, block: block) }
            }
        }
        while true {
            var texts: [String] = []
            for draft in drafts { texts += draft.atoms.filter { $0.tokens < 0 }.map { draft.text($0.range) } }
            guard !texts.isEmpty else { break }
            var counts = try await counter.counts(texts, special: special)[...]
            for index in drafts.indices {
                let limit = drafts[index].limit
                var measured: [SectionPacker.Atom] = []
                for var atom in drafts[index].atoms {
                    if atom.tokens < 0 { atom.tokens = counts.removeFirst() }
                    let pieces =
                        atom.tokens > limit
                        ? PieceSplitter.split(drafts[index].bytes, atom.range, into: atom.tokens / limit + 1) : []
                    if pieces.count > 1 {
                        measured += pieces.map { .init(range: $0, tokens: -1, kind: atom.kind, block: atom.block) }
                    } else {
                        // Within the limit, or a character or two that cannot be cut further.
                        measured.append(atom)
                    }
                }
                drafts[index].atoms = measured
            }
        }
        for index in drafts.indices { drafts[index].separateLongCode() }
    }

    private func finish(_ drafts: [Draft], documents: [Document], counter: TokenCounter, special: Int) async throws -> [[Chunk]] {
        var chunks: [[Chunk]] = documents.map { _ in [] }
        var seen: [[String: Int]] = documents.map { _ in [:] }
        let overlap = settings.strategy == .rows ? 0 : settings.overlapTokens
        for draft in drafts {
            let document = documents[draft.document]
            for range in SectionPacker(atoms: draft.atoms, limit: draft.limit, overlap: overlap, even: settings.strategy != .fixed).pack() {
                let text = draft.text(range)
                let headings = draft.headings(at: range.lowerBound)
                let first = Chunk.makeID(document: document.name, headings: headings, text: text, repetition: 0)
                let repetition = seen[draft.document][first, default: 0]
                seen[draft.document][first] = repetition + 1
                let id =
                    repetition == 0
                    ? first
                    : Chunk.makeID(document: document.name, headings: headings, text: text, repetition: repetition)
                chunks[draft.document].append(
                    Chunk(
                        id: id, document: document.name, title: document.title, headings: headings, text: text,
                        startByte: range.lowerBound, endByte: range.upperBound, tokens: 0, page: document.page(at: range.lowerBound)))
            }
        }
        // Tokens of joined atoms are not the sum of theirs in every vocabulary: count what is stored.
        var counts = try await counter.counts(chunks.joined().map(\.text), special: special)[...]
        for document in chunks.indices {
            for index in chunks[document].indices { chunks[document][index].tokens = counts.removeFirst() }
        }
        return chunks
    }
}
