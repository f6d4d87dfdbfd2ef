import Domain
import Foundation

/// One line of a BEIR-like corpus: `{"_id": …, "title": …, "text": …}`, with optional facts for filters
/// and citations.
struct CorpusLine: Decodable {
    var id: String?
    var title: String?
    var text: String?
    var tags: [String] = []
    var date: CalendarDate?
    var kind: String?
    var format: DocumentFormat?
    var pages: [Int] = []
    /// Which optional field is not what it should be; nil if none.
    var wrong: String?
    /// Other keys, to tell chat examples from passages.
    var looksLikeChat: Bool
    /// Names of the fields that are not read; an empty `metadata`, which BEIR's corpora have, is no loss.
    var unread: [String]

    private enum Keys: String, CodingKey, CaseIterable {
        case id = "_id"
        case title
        case text
        case tags
        case date
        case kind
        case format
        case pages
        case messages
        case prompt
        case instruction
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private static let known = Set(Keys.allCases.map(\.rawValue))

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: AnyKey.self)
        unread = fields.allKeys.filter { key in
            guard !Self.known.contains(key.stringValue) else { return false }
            return key.stringValue != "metadata" || (try? fields.nestedContainer(keyedBy: AnyKey.self, forKey: key))?.allKeys.isEmpty != true
        }.map(\.stringValue)
        let container = try decoder.container(keyedBy: Keys.self)
        if let text = try? container.decode(String.self, forKey: .id) {
            id = text
        } else if let number = try? container.decode(Int.self, forKey: .id) {
            id = String(number)
        }
        title = try? container.decode(String.self, forKey: .title)
        text = try? container.decode(String.self, forKey: .text)
        looksLikeChat = container.contains(.messages) || container.contains(.prompt) || container.contains(.instruction)
        do {
            tags = try container.decodeIfPresent([String].self, forKey: .tags) ?? []
        } catch { wrong = "\"tags\" is not a list of strings" }
        do {
            date = try container.decodeIfPresent(CalendarDate.self, forKey: .date)
        } catch { wrong = "\"date\" is not a day like 2026-03-01" }
        do {
            kind = try container.decodeIfPresent(String.self, forKey: .kind)
        } catch { wrong = "\"kind\" is not a string" }
        do {
            format = try container.decodeIfPresent(DocumentFormat.self, forKey: .format)
        } catch { wrong = "\"format\" is not one of markdown, plain, csv, tsv, code:LANGUAGE" }
        do {
            pages = try container.decodeIfPresent([Int].self, forKey: .pages) ?? []
            if zip(pages, pages.dropFirst()).contains(where: { $0 > $1 }) {
                wrong = "\"pages\" is not ascending"
                pages = []
            }
        } catch { wrong = "\"pages\" is not a list of byte offsets" }
    }
}
