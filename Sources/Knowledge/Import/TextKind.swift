import Foundation

/// What a text file holds, by its extension; by its first line where it has none.
enum TextKind: Equatable {
    case corpus
    case document(DocumentFormat)
    case unsupported(String)

    private static let byExtension: [String: TextKind] = [
        "md": .document(.markdown),
        "markdown": .document(.markdown),
        "txt": .document(.plain),
        "text": .document(.plain),
        "jsonl": .corpus,
        "ndjson": .corpus,
        "csv": .document(.rows(delimiter: .comma)),
        "tsv": .document(.rows(delimiter: .tab)),
    ].merging(languages.map { ($0, .document(.code(language: $1))) }) { first, _ in first }

    /// Source files, by extension; the name is what a fence in markdown would call the language.
    private static let languages: [String: String] = [
        "swift": "swift", "py": "python", "js": "javascript", "mjs": "javascript", "ts": "typescript", "tsx": "typescript", "jsx": "javascript",
        "c": "c", "h": "c", "cc": "cpp", "cpp": "cpp", "hpp": "cpp", "m": "objective-c", "rs": "rust", "go": "go", "java": "java",
        "kt": "kotlin", "scala": "scala", "cs": "csharp", "rb": "ruby", "php": "php", "lua": "lua", "pl": "perl", "r": "r", "jl": "julia",
        "hs": "haskell", "ml": "ocaml", "ex": "elixir", "erl": "erlang", "clj": "clojure", "dart": "dart", "sh": "sh", "bash": "sh",
        "sql": "sql", "css": "css", "vue": "vue", "toml": "toml", "yaml": "yaml", "yml": "yaml",
    ]

    /// Whether a text begins as a web page does, whatever its name says.
    static func isPage(_ head: [UInt8]) -> Bool {
        let start = String(decoding: head, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(20).lowercased()
        return start.hasPrefix("<!doctype html") || start.hasPrefix("<html>") || start.hasPrefix("<html ")
    }

    init(name: String, head: [UInt8]) {
        let file = name.split(separator: "/").last.map(String.init) ?? name
        let parts = file.split(separator: ".", omittingEmptySubsequences: false)
        let suffix = parts.count > 1 ? parts[parts.count - 1].lowercased() : ""
        if suffix.isEmpty || suffix.contains(" ") {
            // A JSON object on the first line is a corpus: prose does not start with `{"`.
            let start = head.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
            let isObject = start.first == UInt8(ascii: "{") && start.dropFirst().first { $0 != 0x20 } == UInt8(ascii: "\"")
            self = isObject ? .corpus : .document(.plain)
        } else {
            self = Self.byExtension[suffix] ?? .unsupported("has the extension .\(suffix)")
        }
    }
}
