/// A day of the calendar, without time or zone: `2026-03-01`.
public struct CalendarDate: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// `yyyy-mm-dd`: dates in this form compare as text.
    public let description: String

    /// A date or a timestamp that begins with one (ISO 8601, its day as written, whatever the zone).
    /// Nil if it is no day of the calendar.
    public init?(_ text: String) {
        let bytes = Array(text.utf8.prefix(11))
        guard bytes.count == 10 || (bytes.count == 11 && (bytes[10] == UInt8(ascii: "T") || bytes[10] == 0x20)) else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            bytes[range].reduce(0 as Int?) { sum, byte in
                guard let sum, (0x30...0x39).contains(byte) else { return nil }
                return sum * 10 + Int(byte - 0x30)
            }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), bytes[4] == 0x2D, bytes[7] == 0x2D,
            (1...12).contains(month), day >= 1, day <= Self.days(month, year)
        else { return nil }
        description = String(decoding: bytes[..<10], as: UTF8.self)
    }

    private static func days(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400)) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    public static func < (first: CalendarDate, second: CalendarDate) -> Bool { first.description < second.description }
}

extension CalendarDate: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let date = CalendarDate(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "found \(text), expected a day like 2026-03-01")
        }
        self = date
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
