import Foundation

/// One line of a BEIR-like corpus: `{"_id": …, "title": …, "text": …}`.
struct CorpusLine: Decodable {
    var id: String?
    var title: String?
    var text: String?
    /// Other keys, to tell chat examples from passages.
    var looksLikeChat: Bool

    private enum Keys: String, CodingKey {
        case id = "_id"
        case title
        case text
        case messages
        case prompt
        case instruction
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        if let text = try? container.decode(String.self, forKey: .id) {
            id = text
        } else if let number = try? container.decode(Int.self, forKey: .id) {
            id = String(number)
        }
        title = try? container.decode(String.self, forKey: .title)
        text = try? container.decode(String.self, forKey: .text)
        looksLikeChat = container.contains(.messages) || container.contains(.prompt) || container.contains(.instruction)
    }
}
