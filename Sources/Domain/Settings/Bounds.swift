import Foundation

extension Int {
    /// The sum, or the end of `Int` that it would pass.
    public func adding(_ other: Int) -> Int {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other < 0 ? .min : .max) : sum
    }

    /// The whole number below, or the end of `Int` that the value lies beyond; 0 for what is no number.
    public init(clamping value: Double) {
        self = Int(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
    }
}

/// Reads settings whose numbers have bounds, which each type says once: requests, imports and rows are held against the same.
///
/// Of a row a number out of bounds is moved to the nearest bound, because a row that cannot be read would take its minion or job
/// with it. What comes from outside is decoded with ``CodingUserInfoKey/refusesOutOfBounds`` and then refused.
package struct BoundedFields<Key: CodingKey> {
    package let fields: KeyedDecodingContainer<Key>
    private let refuses: Bool

    package init(_ decoder: any Decoder, keyedBy: Key.Type = Key.self) throws {
        fields = try decoder.container(keyedBy: Key.self)
        refuses = decoder.userInfo[.refusesOutOfBounds] as? Bool ?? false
    }

    /// - Throws: `DecodingError`, also for a number out of bounds where those are refused.
    package func number<N: Comparable & Decodable>(_ key: Key, _ range: ClosedRange<N>) throws -> N? {
        let isBelow: Bool
        do {
            guard let value = try fields.decodeIfPresent(N.self, forKey: key) else { return nil }
            if range.contains(value) { return value }
            isBelow = value < range.lowerBound
        } catch let error where !(error is DecodingError) {
            // A number, but none that the type can hold: 2^63. The decoder throws an error of its own, which becomes a `DecodingError`
            // without a place only where the whole decoding ends.
            isBelow = ((try? fields.decode(Double.self, forKey: key)) ?? 0) < 0
        }
        try refuse(key, "must be from \(range.lowerBound) to \(range.upperBound)")
        return isBelow ? range.lowerBound : range.upperBound
    }

    /// - Parameter length: the most code points; a row's longer text is left as it is.
    package func text(_ key: Key, atMost length: Int) throws -> String? {
        guard let text = try fields.decodeIfPresent(String.self, forKey: key) else { return nil }
        if text.unicodeScalars.count > length { try refuse(key, "must have at most \(length) characters") }
        // To SQLite a NUL ends the text, to everybody else it does not.
        if text.unicodeScalars.contains("\0") { try refuse(key, "must not hold a NUL character") }
        return text
    }

    package func value<T: Decodable>(_ key: Key, as type: T.Type = T.self) throws -> T? { try fields.decodeIfPresent(type, forKey: key) }

    private func refuse(_ key: Key, _ message: String) throws {
        if refuses { throw DecodingError.dataCorruptedError(forKey: key, in: fields, debugDescription: message) }
    }
}

extension CodingUserInfoKey {
    /// Whether a number out of bounds is an error instead of being moved to the nearest bound.
    package static let refusesOutOfBounds = CodingUserInfoKey(rawValue: "refusesOutOfBounds")!
}
