/// What the embedder reads for a chunk: title, heading path and text. A paragraph that says "it
/// takes five days" is only found by "how long is delivery" when its headings travel with it.
enum EmbeddingText {
    /// Longest title and longest heading path, in code points. Bounds the prefix to about a hundred
    /// tokens, so a chunk of the default size still fits a 512-token model uncut.
    static let maxPrefixCharacters = 200

    /// Title and heading path, a line each; empty when there are none.
    static func prefix(title: String, headings: [String]) -> String {
        var lines: [String] = []
        if !title.isEmpty { lines.append(String(title.unicodeScalars.prefix(maxPrefixCharacters))) }
        // A document's first heading usually is its title: once is enough.
        let path = headings.first == title ? Array(headings.dropFirst()) : headings
        if !path.isEmpty {
            // The end of the path is the specific part.
            lines.append(String(path.joined(separator: " > ").unicodeScalars.suffix(maxPrefixCharacters)))
        }
        return lines.joined(separator: "\n")
    }

    static func make(title: String, headings: [String], text: String) -> String {
        let prefix = prefix(title: title, headings: headings)
        return prefix.isEmpty ? text : prefix + "\n" + text
    }
}
