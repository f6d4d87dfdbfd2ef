import Answers
import Crypto
import Domain
import Foundation

/// What of the user's replies there is to paraphrase: pieces as long as those of an answer.
package enum RestylePairs {
    /// A piece of a reply and what it says in plain prose.
    package struct Pair: Sendable, Equatable {
        package var plain: String
        package var own: String

        package init(plain: String, own: String) {
            self.plain = plain
            self.own = own
        }

        /// Share of the plain text's runs of three words that the reply has too, 0 to 1; 1 for a copy, whatever its punctuation.
        /// Krishna et al. (2020, section 2.1) leave out pairs by the same measure.
        package var copied: Double {
            let (plain, own) = (Self.runs(plain), Set(Self.runs(own)))
            return Double(plain.count { own.contains($0) }) / Double(plain.count)
        }

        /// One at least.
        private static func runs(_ text: String) -> [[Substring]] {
            let words = text.lowercased().filter { $0 != "'" && $0 != "’" }.split { !$0.isLetter && !$0.isNumber }
            return words.count < 3 ? [words] : (0..<words.count - 2).map { Array(words[$0..<$0 + 3]) }
        }
    }

    /// The pieces of the replies in a file of chat examples, each once, by seeded hash: the same ones
    /// whatever the order of the file.
    /// - Parameters:
    ///   - without: pieces that must not be among them.
    ///   - limit: the most that are taken.
    package static func pieces(_ file: URL, seed: Int, limit: Int, without: Set<String> = []) throws -> [String] {
        var seen = without
        var pieces: [(hash: String, text: String)] = []
        for line in try Data(contentsOf: file).split(separator: 0x0A) {
            let example = try JSONDecoder().decode(Example.self, from: line)
            for message in example.messages where message.role == "assistant" && message.weight != 0 {
                for piece in RestylePiece.split(message.content) where piece.isProse && seen.insert(piece.text).inserted {
                    pieces.append((seededHash(Data(piece.text.utf8), seed: seed), piece.text))
                }
            }
        }
        return pieces.sorted { $0.hash < $1.hash }.prefix(limit).map(\.text)
    }

    /// Chooses the same ones every time, whatever their order.
    static func seededHash(_ data: Data, seed: Int) -> String {
        SHA256.hash(data: Data("\(seed):".utf8) + data).hex
    }

    /// A pair as the trainer reads it: the instruction and the plain text, and the user's own words as the reply.
    package static func line(_ pair: Pair) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(
            Example(messages: [
                .init(role: "user", content: RestyleProfile.prompt(RestyleProfile.instruction, pair.plain)),
                .init(role: "assistant", content: pair.own),
            ]))
    }

    private struct Example: Codable {
        struct Message: Codable {
            var role: String
            var content: String
            var weight: Int?
        }
        var messages: [Message]
    }
}
