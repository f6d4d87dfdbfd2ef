import Crypto
import Domain
import Foundation
import Providers

/// A question that every arm answers.
struct EvaluationQuestion: Sendable, Equatable {
    enum Kind: String, Sendable, Codable {
        /// A held-out message to the user.
        case voice
        /// A question about the documents.
        case knowledge
    }

    var kind: Kind
    /// The last one is the user's.
    var messages: [ChatMessage]
    /// The user's own reply. Nothing that makes an answer may ever see it.
    var reference: String?
    /// A phrase that a right answer states.
    var fact: String?
    /// Relevance of the documents that answer it, by name or by the end of a path.
    var sources: [String: Int] = [:]

    var text: String { messages.last { $0.role == .user }?.content ?? "" }

    /// Hex SHA-256 over all of it.
    var digest: String {
        let parts = [kind.rawValue, fact ?? ""] + messages.flatMap { [$0.role.rawValue, $0.content] } + sources.keys.sorted()
        return SHA256.hash(data: Data(parts.joined(separator: "\u{1F}").utf8)).hex
    }

    /// A document's relevance: its name is a source's, or ends with it as a path does.
    func relevance(of document: String) -> Int {
        if let exact = sources[document] { return exact }
        return sources.first { document.hasSuffix("/\($0.key)") }?.value ?? 0
    }
}
