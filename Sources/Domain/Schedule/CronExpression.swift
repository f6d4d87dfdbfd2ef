import Foundation

/// A cron expression of five fields (minute, hour, day of month, month, day of week) as crontab(5) has it:
/// `*`, lists, ranges, steps, names of months and days, Sunday as 0 or 7. Where both days are given, either
/// is enough.
///
/// Clocks that are changed: where the hour is given, a time that is skipped comes at the moment of the change,
/// and one that comes twice counts the first time. Where the hour is `*`, every real minute is looked at.
public struct CronExpression: Sendable, Equatable {
    /// Why an expression is none.
    public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        public var message: String
        public var description: String { message }
    }

    let minutes: Set<Int>
    let hours: Set<Int>
    let days: Set<Int>
    let months: Set<Int>
    /// 0 is Sunday.
    let weekdays: Set<Int>
    private let everyHour: Bool
    private let everyDay: Bool
    private let everyWeekday: Bool

    public init(_ text: String) throws {
        let fields = text.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count == 5 else {
            throw Problem(message: "a cron expression has five fields (minute, hour, day of month, month, day of week); this one has \(fields.count)")
        }
        let parsed = try zip(fields, CronField.all).map { try $1.parse($0) }
        minutes = parsed[0]
        hours = parsed[1]
        days = parsed[2]
        months = parsed[3]
        weekdays = Set(parsed[4].map { $0 % 7 })
        everyHour = fields[1].hasPrefix("*")
        everyDay = fields[2].hasPrefix("*")
        everyWeekday = fields[4].hasPrefix("*")
    }

    /// The first time after `date`; nil where there is none within eight years (30 February).
    public func next(after date: Date, in zone: TimeZone) -> Date? {
        let start = Int(date.timeIntervalSince1970.rounded(.down))
        let clock = LocalClock(zone)
        // Of the day before as well: its last times may lie after `date` where a clock was set back.
        let first = LocalClock.day(clock.local(start)) - 1
        for day in first..<(first + 8 * 366) where matches(day) {
            if let found = times(of: day, clock).first(where: { $0 > start }) { return Date(timeIntervalSince1970: Double(found)) }
        }
        return nil
    }

    private func matches(_ day: Int) -> Bool {
        let date = CivilDate(day: day)
        guard months.contains(date.month) else { return false }
        let dayFits = days.contains(date.day)
        let weekdayFits = weekdays.contains(date.weekday)
        // crontab(5): with both fields restricted, either may fit.
        return everyDay || everyWeekday ? dayFits && weekdayFits : dayFits || weekdayFits
    }

    /// The seconds since 1970 of the times on a day that matches, in order.
    private func times(of day: Int, _ clock: LocalClock) -> [Int] {
        let midnight = day * 86_400
        guard everyHour else {
            let local = hours.flatMap { hour in minutes.map { midnight + hour * 3600 + $0 * 60 } }
            return Set(local.map(clock.instant)).sorted()
        }
        // A day has 23 to 25 hours, and the clock's distance from UTC is less than 15.
        return stride(from: midnight - 16 * 3600, to: midnight + 41 * 3600, by: 60).filter { instant in
            let local = clock.local(instant)
            return LocalClock.day(local) == day && minutes.contains(local / 60 % 60) && hours.contains(local / 3600 % 24)
        }
    }
}
