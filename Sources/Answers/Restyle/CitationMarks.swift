import Foundation

/// Marks like `[1]` are taken out before a text is restyled and set again behind it, so that they survive
/// whatever the local model makes of it: the piece as a whole rests on the passages its sentences did.
package enum CitationMarks {
    package static func removed(from text: String) -> (text: String, marks: [String]) {
        var marks: [String] = []
        for match in text.matches(of: /\[\d{1,2}\]/) where !marks.contains(String(match.0)) { marks.append(String(match.0)) }
        return (text.replacing(/\s*\[\d{1,2}\]/, with: ""), marks)
    }

    package static func restored(_ marks: [String], to text: String) -> String {
        marks.isEmpty ? text : text + " " + marks.joined()
    }
}
