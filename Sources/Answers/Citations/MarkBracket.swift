/// A bracket that may be a citation mark, read scalar by scalar, as models write them: `[1]`, `[1, 2]`, `[1-3]`, `[^1]`,
/// `[Source 1]`, `【1】`, `【1†handbook.md】`. Round brackets are none: `(1)` mostly labels a list.
struct MarkBracket: Sendable {
    /// Scalars of a bracket that is waited for.
    static let longest = 60
    /// Numbers that a range may have; a longer one is no mark.
    static let widest = 20

    private(set) var text = ""

    var isEmpty: Bool { text.isEmpty }
    var isWide: Bool { text.hasPrefix("【") }
    var isFootnote: Bool { text.hasPrefix("[^") }
    var isClosed: Bool { text.hasSuffix("]") || text.hasSuffix("】") }

    static func opens(_ scalar: Unicode.Scalar) -> Bool { scalar == "[" || scalar == "【" }

    /// - Returns: false where the bracket would be no mark with the scalar, which is not taken then.
    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard isEmpty ? Self.opens(scalar) : !isClosed && text.unicodeScalars.count < Self.longest && accepts(scalar) else { return false }
        text.unicodeScalars.append(scalar)
        return true
    }

    private func accepts(_ scalar: Unicode.Scalar) -> Bool {
        let inner = text.dropFirst()
        // What is behind the sign names the document.
        if inner.contains("†") { return scalar != "\n" && scalar != "\r" }
        let followsDigit = inner.last.map(Self.digits.contains) ?? false
        switch scalar {
        case "0"..."9": return inner.reversed().prefix { Self.digits.contains($0) }.count < 3
        case "]": return followsDigit && !isWide
        case "】", "†", ":": return followsDigit && isWide
        case ",", ";", "-", "–", "—", "、", "，": return followsDigit || inner.last == " "
        case "^": return inner.isEmpty || inner.last == " " || inner.last == ","
        case " " where followsDigit || inner.last.map(",;-–—".contains) ?? false: return true
        default:
            let label = inner.lowercased() + String(scalar).lowercased()
            return Self.labels.contains { $0.hasPrefix(label) }
        }
    }

    /// The numbers it names, each once; 0 for one that no passage can have. Nil where it is no mark.
    var numbers: [Int]? {
        guard isClosed else { return nil }
        var inner = text.dropFirst().dropLast()
        inner = inner.prefix { $0 != "†" }
        // "【4:0†…】" is a place in a list of another's.
        if inner.contains(":") { return [0] }
        inner = inner.drop { !Self.digits.contains($0) && $0 != "^" }
        var numbers: [Int] = []
        for part in inner.split(omittingEmptySubsequences: false, whereSeparator: { ",;、，".contains($0) }) {
            let ends = part.split(omittingEmptySubsequences: false) { "-–—".contains($0) }.map { end in
                let digits = end.filter { $0 != " " && $0 != "^" }
                // A space between two numbers is no comma.
                return end.split(separator: " ").count == 1 && (digits == "0" || !digits.hasPrefix("0")) ? Int(digits) : nil
            }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last, last - first < Self.widest
            else { return nil }
            for number in first...last where !numbers.contains(number) { numbers.append(number) }
        }
        // An interval begins at 0, and passages at 1.
        return numbers.count > 1 && numbers.contains(0) ? nil : numbers
    }

    private static let digits = "0"..."9" as ClosedRange<Character>
    private static let labels = ["passage ", "passages ", "source ", "sources ", "ref ", "ref. ", "doc ", "quelle ", "fuente "]
}
