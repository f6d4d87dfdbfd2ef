import Domain
import LocalModels
import Providers

/// What the local model is asked for other forms of a question, and how its answer is read. Pure.
public enum QueryVariants {
    /// A form longer than this is no question any more but an answer.
    private static let longest = 200

    /// Two examples say more to a small model than an instruction does.
    public static func request(_ query: String, limit: Int, maxTokens: Int) -> ChatRequest {
        ChatRequest(
            model: EnginePaths.baseModelName,
            messages: [
                ChatMessage(.system, "Rewrite the search query in other words with the same meaning, one rewrite a line, nothing else."),
                ChatMessage(.user, "how long may I keep a borrowed book"),
                ChatMessage(.assistant, "loan period for library items\nwhen does a lent volume have to be returned\nduration of borrowing"),
                ChatMessage(.user, "the engine does not start when it is cold"),
                ChatMessage(.assistant, "motor fails to ignite at low temperature\ncold start problem\nstarting trouble in winter"),
                ChatMessage(.user, query),
            ],
            sampling: Sampling(temperature: 0, maxTokens: maxTokens), stream: false)
    }

    /// The lines of a reply that are other forms, without numbers, bullets and quotation marks.
    public static func read(_ text: String, query: String, limit: Int) -> [String] {
        var seen: Set<String> = [query.lowercased()]
        var variants: [String] = []
        for line in text.split(whereSeparator: \.isNewline) where variants.count < limit {
            var form = line.drop { $0.isWhitespace || "-*•\"“'".contains($0) }
            let number = form.prefix(while: \.isNumber)
            if !number.isEmpty, let mark = form.dropFirst(number.count).first, ".):".contains(mark) {
                form = form.dropFirst(number.count + 1).drop(while: \.isWhitespace)
            }
            while let last = form.last, last.isWhitespace || "\"”'".contains(last) { form.removeLast() }
            while let first = form.first, "\"“'".contains(first) { form.removeFirst() }
            guard form.contains(where: { $0.isLetter || $0.isNumber }), form.unicodeScalars.count <= longest, seen.insert(form.lowercased()).inserted
            else {
                continue
            }
            variants.append(String(form))
        }
        return variants
    }
}
