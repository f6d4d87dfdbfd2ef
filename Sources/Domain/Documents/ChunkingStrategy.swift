/// What decides where a document is cut. None cuts code or a table that fits into a chunk.
public enum ChunkingStrategy: String, Sendable, Codable, CaseIterable {
    /// Headings, then paragraphs, lists, tables and code, then sentences, rows and lines.
    case structural
    /// Windows of `maxTokens` words on, each beginning `overlapTokens` before the end of the one before,
    /// whatever headings and paragraphs say.
    case fixed
    /// One record, table row, list item, question with its answer, or paragraph a chunk; tables repeat
    /// their header as a heading.
    case rows
}
