import Foundation

/// Short texts of other writers, written for this project: what a style is told apart from.
enum OtherVoices {
    private struct Line: Decodable {
        var texts: [String]
    }

    /// A list an author, in English.
    static let bundled: [[String]] = {
        let lines = PackageResources.other_voices_jsonl.split(separator: 0x0A)
        do { return try lines.map { try JSONDecoder().decode(Line.self, from: Data($0)).texts } } catch {
            preconditionFailure("other-voices.jsonl: \(error)")
        }
    }()
}
