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
    ]

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
