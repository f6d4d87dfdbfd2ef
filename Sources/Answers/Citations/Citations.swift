import Knowledge

/// From marks like `[n]` to the passages they stand for.
package enum Citations {
    /// The numbers of the marks in `text` that stand for a passage, in order of first appearance.
    package static func marks(in text: String, passages: Int) -> [Int] {
        var cited = CitedText(cited: passages)
        _ = cited.add(text)
        _ = cited.finish()
        var seen: Set<Int> = []
        return cited.marks.map(\.number).filter { seen.insert($0).inserted }
    }

    /// One citation for each passage and whose mark it is, in order of first appearance.
    static func citations(_ marks: [CitedText.Mark], _ passages: [Passage]) -> [Citation] {
        var citations: [Citation] = []
        for mark in marks {
            if let known = citations.firstIndex(where: { $0.number == mark.number && $0.by == mark.by }) {
                citations[known].offsets.append(mark.offset)
                continue
            }
            let passage = passages[mark.number - 1]
            citations.append(
                Citation(
                    number: mark.number, document: passage.document, title: passage.title, chunkID: passage.chunkID, startByte: passage.startByte,
                    endByte: passage.endByte, by: mark.by, offsets: [mark.offset]))
        }
        return citations
    }
}
