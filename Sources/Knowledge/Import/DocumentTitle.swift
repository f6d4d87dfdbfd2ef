import Foundation

/// Finds a title when the source gives none.
enum DocumentTitle {
    static func find(name: String, text: String, format: DocumentFormat) -> String {
        if format == .markdown, let title = BlockParser(text: text, format: .markdown).parse().title { return title }
        return readable(name)
    }

    /// `guides/shipping-policy.md` → `shipping policy`.
    static func readable(_ name: String) -> String {
        let file = name.split(separator: "/").last.map(String.init) ?? name
        let stem = file.lastIndex(of: ".").map { $0 > file.startIndex ? String(file[..<$0]) : file } ?? file
        return stem.map { $0 == "-" || $0 == "_" ? " " : String($0) }.joined().trimmingCharacters(in: .whitespaces)
    }
}
