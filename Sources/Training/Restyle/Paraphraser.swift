import Domain
import Providers

/// Who says the user's replies in plain prose (style transfer through paraphrase: Krishna, Wieting & Iyyer,
/// "Reformulating Unsupervised Style Transfer as Paraphrase Generation", EMNLP 2020).
package enum Paraphraser: Sendable, Equatable, CustomStringConvertible {
    case external(provider: String, model: String)
    case base

    /// In usage records.
    static let purpose = "paraphrase"

    package var description: String {
        switch self {
        case .external(let provider, let model): "\(provider)/\(model)"
        case .base: "the base model"
        }
    }

    static let instruction = """
        Say the text below again in plain, neutral, modern English prose, without any style of its own. Keep its meaning and every name and \
        number, add nothing, and answer with the new text alone.
        """

    static func prompt(_ text: String) -> String { "\(instruction)\n\nText: \(text)" }

    /// The most a text of so many bytes may come to: plain prose may be half as long again.
    static func estimate(bytes: Int) -> TokenUsage {
        let text = UsageEstimate.tokens(bytes: bytes)
        return TokenUsage(input: UsageEstimate.tokens(bytes: instruction.utf8.count) + text + 16, output: 32 + text * 3 / 2)
    }
}
