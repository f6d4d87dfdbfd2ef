import Foundation

/// Days and months of UTC, in milliseconds since 1970.
enum Period {
    static let millisecondsPerDay = 86_400_000

    static func day(_ time: Int) -> Int { Int((Double(time) / Double(millisecondsPerDay)).rounded(.down)) }
    static func dayStart(_ time: Int) -> Int { day(time) * millisecondsPerDay }
    static func nextDay(_ time: Int) -> Int { (day(time) + 1) * millisecondsPerDay }
    static func monthStart(_ time: Int) -> Int { (day(time) - civil(day(time)).dayOfMonth + 1) * millisecondsPerDay }

    static func nextMonth(_ time: Int) -> Int {
        // Day 32 of any month lies in the next one.
        monthStart(monthStart(time) + 31 * millisecondsPerDay)
    }

    /// Years and months counted as one number, so that another month is another number.
    static func month(_ time: Int) -> Int { civil(day(time)).month }

    /// The proleptic Gregorian date of a day (https://howardhinnant.github.io/date_algorithms.html#civil_from_days).
    private static func civil(_ day: Int) -> (month: Int, dayOfMonth: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year * 12 + month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
