import Crypto
import Domain
import Foundation

/// Answers that are there already, by what they depend on: an evaluation that was interrupted goes on
/// where it stopped, and one of other settings does not take what is not its own.
struct AnswerKeeper: Sendable {
    let folder: URL

    func find(_ key: String) -> ArmAnswer? {
        (try? Data(contentsOf: file(key))).flatMap { try? JSONDecoder().decode(ArmAnswer.self, from: $0) }
    }

    func keep(_ answer: ArmAnswer, at key: String) throws {
        let file = file(key)
        try JSONEncoder().encode(answer).write(to: file, options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }

    /// Hex SHA-256 of parts that no other answer has all of.
    static func key(_ parts: [String]) -> String {
        SHA256.hash(data: Data(parts.joined(separator: "\u{1F}").utf8)).hex
    }

    private func file(_ key: String) -> URL { folder.appending(path: "\(key).json") }
}
