import Foundation

/// Replies to score: the sample voice, and where it is at hand Shakespeare's.
enum SampleReplies {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let shared = root.deletingLastPathComponent().appending(path: "shared/data")

    static let keeper = replies(root.appending(path: "samples/voice.jsonl"))!
    /// Nil where the shared data is absent.
    static let shakespeare = replies(shared.appending(path: "shakespeare/train.jsonl"))
    static let shakespeareUnseen = replies(shared.appending(path: "shakespeare/test.jsonl"))
    /// The first 40 words of scientific abstracts.
    static let abstracts: [String]? = lines(shared.appending(path: "cranfield/corpus.jsonl"))?.compactMap { line in
        (line["text"] as? String).map { $0.split(separator: " ").prefix(40).joined(separator: " ") }
    }.filter { !$0.isEmpty }

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
