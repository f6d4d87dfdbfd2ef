import Foundation
import Testing

/// Replies to score: the sample voice, and where it is at hand Shakespeare's.
enum SampleReplies {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let shared = root.deletingLastPathComponent().appending(path: "shared/data")

    static let keeper = replies(root.appending(path: "samples/voice.jsonl"))!
    /// Prose in nobody's voice: the first 40 words of the handbook's paragraphs.
    static let handbook: [String] = {
        let folder = root.appending(path: "samples/handbook")
        let pages = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return pages.sorted { $0.path < $1.path }.compactMap { try? String(contentsOf: $0, encoding: .utf8) }
            .flatMap { $0.components(separatedBy: "\n\n") }
            .filter { $0.first?.isLetter == true && $0.split(separator: " ").count >= 15 }
            .map(beginning)
    }()

    /// A voice to tell from other prose.
    struct Voice: Sendable, CustomTestStringConvertible {
        var name: String
        var training: [String]
        var heldOut: [String]
        /// The same voice's, neither trained on nor held out.
        var unseen: [String]
        var others: [[String]]
        var testDescription: String { name }
    }

    /// The samples', and Shakespeare's where the shared data is at hand.
    static let voices: [Voice] = {
        var found = [
            Voice(
                name: "samples", training: Array(keeper.prefix(80)), heldOut: Array(keeper[80..<100]), unseen: Array(keeper.suffix(20)),
                others: [handbook])
        ]
        if let plays = replies(shared.appending(path: "shakespeare/train.jsonl")),
            let unseen = replies(shared.appending(path: "shakespeare/test.jsonl")),
            let abstracts = lines(shared.appending(path: "cranfield/corpus.jsonl"))
        {
            let beginnings = abstracts.compactMap { ($0["text"] as? String).map(beginning) }.filter { !$0.isEmpty }
            found.append(
                Voice(
                    name: "Shakespeare", training: Array(plays.prefix(300)), heldOut: Array(unseen.prefix(40)), unseen: Array(unseen.suffix(40)),
                    others: [beginnings, keeper]))
        }
        return found
    }()

    private static func beginning(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).prefix(40).joined(separator: " ") }

    private static func replies(_ file: URL) -> [String]? {
        lines(file)?.compactMap { line in
            (line["messages"] as? [[String: Any]])?.last { $0["role"] as? String == "assistant" }?["content"] as? String
        }
    }

    private static func lines(_ file: URL) -> [[String: Any]]? {
        (try? String(contentsOf: file, encoding: .utf8))?.split(separator: "\n").compactMap {
            (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
        }
    }
}
