/// Takes passages from the best down until there are enough: without what repeats a better one, with what
/// stands around them, within the budget of tokens.
struct PassagePicker {
    private static let page = 32

    let database: ChunkDatabase
    let options: SearchOptions
    private let likeness: Likeness?
    private(set) var passages: [Passage] = []
    private(set) var duplicates = 0
    private(set) var overBudget = 0
    private var shingles: [Shingles] = []
    /// Chunk numbers taken.
    private var taken: [Int] = []
    /// Chunk numbers shown already.
    private var shown: Set<Int> = []
    private var tokens = 0

    /// - Parameter likeness: of the chunks' vectors; nil where `duplicateCosine` is not asked for or there are none.
    init(database: ChunkDatabase, options: SearchOptions, likeness: Likeness? = nil) {
        self.database = database
        self.options = options
        self.likeness = likeness
    }

    mutating func pick(_ fused: [ReciprocalRankFusion.Fused]) async throws {
        var rest = fused[...]
        while !rest.isEmpty, passages.count < options.k {
            let page = rest.prefix(max(Self.page, options.k))
            rest = rest.dropFirst(page.count)
            let chunks = try await database.chunks(page.map(\.chunk.number))
            for entry in page where passages.count < options.k {
                if let chunk = chunks[entry.chunk.number] { try await take(chunk, entry) }
            }
        }
    }

    private mutating func take(_ chunk: Chunk, _ entry: ReciprocalRankFusion.Fused) async throws {
        let number = entry.chunk.number
        guard !shown.contains(number) else { return }
        var mine: Shingles?
        if let threshold = options.duplicateThreshold {
            let candidate = Shingles(chunk.text)
            guard !shingles.contains(where: { $0.similarity(to: candidate) >= threshold }) else {
                duplicates += 1
                return
            }
            mine = candidate
        }
        if let threshold = options.duplicateCosine, let likeness, likeness.greatest(number, taken) >= threshold {
            duplicates += 1
            return
        }
        var passage = Passage(chunk, entry)
        var window = number...number
        if options.neighbours > 0 {
            let document = try await database.chunkNumbers(ofDocumentWith: number)
            // Not beyond the document, nor into what another passage shows.
            var first = number
            while first > document.lowerBound, number - first < options.neighbours, !shown.contains(first - 1) { first -= 1 }
            var last = number
            while last < document.upperBound, last - number < options.neighbours, !shown.contains(last + 1) { last += 1 }
            window = first...last
            let excerpt = try await database.excerpt(window)
            passage.text = excerpt.text
            passage.startByte = excerpt.startByte
            passage.endByte = excerpt.endByte
            passage.tokens = excerpt.tokens
        }
        if let budget = options.tokenBudget, tokens + passage.tokens > budget {
            overBudget += 1
            return
        }
        tokens += passage.tokens
        shown.formUnion(window)
        if let mine { shingles.append(mine) }
        taken.append(number)
        passages.append(passage)
    }
}
