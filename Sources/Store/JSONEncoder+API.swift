import Foundation

extension JSONEncoder {
    /// How everything leaves the server: snake_case, RFC 3339 times with milliseconds, sorted keys.
    public static var api: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .custom { path in SnakeKey(stringValue: snakeCase(path.last!.stringValue)) }
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            try container.encode(date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        }
        return encoder
    }

    /// `createdAt` → `created_at`, `baseURL` → `base_url`, `datasetIDs` → `dataset_ids`.
    static func snakeCase(_ name: String) -> String {
        var result = ""
        var previousIsLower = false
        for character in name.replacingOccurrences(of: "IDs", with: "Ids") {
            if character.isUppercase, previousIsLower { result.append("_") }
            result.append(contentsOf: character.lowercased())
            previousIsLower = character.isLowercase || character.isNumber
        }
        return result
    }

    private struct SnakeKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
