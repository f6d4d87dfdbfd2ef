import Foundation

/// A piece of a document that is found, cited and quoted as one.
public struct Chunk: Sendable, Equatable {
    /// Content hash (see `Chunk.makeID`): stable when text before or after the chunk changes, and in
    /// every collection that holds the document.
    public var id: String
    /// Name of the document.
    public var document: String
    /// Title of the document.
    public var title: String
    /// Headings above the chunk, outermost first.
    public var headings: [String]
    /// Exactly the bytes `startByte..<endByte` of the document.
    public var text: String
    /// UTF-8 byte offset of the first byte.
    public var startByte: Int
    /// UTF-8 byte offset after the last byte.
    public var endByte: Int
    /// Tokens of `text` in the embedder's vocabulary, special tokens not counted.
    public var tokens: Int
    /// Page of the document, from 1, on which the chunk begins; nil where there are no pages.
    public var page: Int?

    public init(
        id: String, document: String, title: String, headings: [String], text: String, startByte: Int, endByte: Int, tokens: Int,
        page: Int? = nil
    ) {
        self.id = id
        self.document = document
        self.title = title
        self.headings = headings
        self.text = text
        self.startByte = startByte
        self.endByte = endByte
        self.tokens = tokens
        self.page = page
    }

    /// The id of a chunk: SHA-256 of document name, headings, text and `repetition`.
    ///
    /// A text that occurs twice in one document is two chunks, because a citation points at one place.
    /// They are told apart by how often the same content came before in the document, not by the chunk's
    /// position: inserting a paragraph elsewhere changes no id.
    public static func makeID(document: String, headings: [String], text: String, repetition: Int) -> String {
        // NUL and the unit separator cannot occur in names and headings, so fields cannot run together.
        Digest.hex([document, headings.joined(separator: "\u{1F}"), text, String(repetition)].joined(separator: "\0"))
    }
}
