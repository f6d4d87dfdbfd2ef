import Foundation
import Testing

@testable import Domain

@Suite struct CronTests {
    private func date(_ text: String) -> Date { try! Date(text, strategy: .iso8601) }

    private func next(_ cron: String, _ zone: String, after: String, count: Int = 1) throws -> [String] {
        var date = date(after)
        var found: [String] = []
        for _ in 0..<count {
            guard let next = try JobSchedule(cron: cron, timeZone: zone).next(after: date) else { break }
            found.append(next.formatted(.iso8601))
            date = next
        }
        return found
    }

    /// 25 November 2026 is a Wednesday.
    @Test(arguments: [
        ("* * * * *", "2026-11-25T18:00:00Z", "2026-11-25T18:01:00Z"),
        ("* * * * *", "2026-11-25T18:00:59Z", "2026-11-25T18:01:00Z"),
        ("30 3 * * *", "2026-11-25T18:00:00Z", "2026-11-26T03:30:00Z"),
        ("*/15 * * * *", "2026-11-25T18:46:00Z", "2026-11-25T19:00:00Z"),
        ("0 0 1 * *", "2026-11-25T18:00:00Z", "2026-12-01T00:00:00Z"),
        ("0 9 * * mon", "2026-11-25T18:00:00Z", "2026-11-30T09:00:00Z"),
        ("0 9 * * 1-5", "2026-11-27T09:00:00Z", "2026-11-30T09:00:00Z"),
        ("0 9 * * 7", "2026-11-25T18:00:00Z", "2026-11-29T09:00:00Z"),
        ("0 9 * * 0", "2026-11-25T18:00:00Z", "2026-11-29T09:00:00Z"),
        ("15,45 8-10/2 * * *", "2026-11-25T08:45:00Z", "2026-11-25T10:15:00Z"),
        ("1/9223372036854775807 9-10/9223372036854775807 * * *", "2026-11-25T18:00:00Z", "2026-11-26T09:01:00Z"),
        ("0 12 29 feb *", "2026-11-25T18:00:00Z", "2028-02-29T12:00:00Z"),
        ("5/20 * * * *", "2026-11-25T18:26:00Z", "2026-11-25T18:45:00Z"),
        // Both days given: either is enough (crontab(5)): the 13th, or a Friday.
        ("0 0 13 * fri", "2026-11-25T18:00:00Z", "2026-11-27T00:00:00Z"),
        ("0 0 13 * fri", "2026-12-12T00:00:00Z", "2026-12-13T00:00:00Z"),
        // The last day of a month without a 31st is passed over.
        ("0 0 31 * *", "2026-11-25T18:00:00Z", "2026-12-31T00:00:00Z"),
    ])
    func nextTimes(_ cron: String, _ after: String, _ expected: String) throws {
        #expect(try next(cron, "UTC", after: after) == [expected])
    }

    @Test func aTimeThatNeverComesIsSaidToBeNone() throws {
        #expect(try JobSchedule(cron: "0 0 30 2 *").next(after: date("2026-01-01T00:00:00Z")) == nil)
    }

    /// Berlin: on 28 March 2027 at 01:00 UTC 02:00 becomes 03:00; on 31 October 2027 at 01:00 UTC 03:00 becomes 02:00.
    @Test func clocksThatAreChanged() throws {
        // Skipped: at the moment of the change, once, and the next day as ever.
        #expect(
            try next("30 2 * * *", "Europe/Berlin", after: "2027-03-27T12:00:00Z", count: 2) == ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"])
        #expect(
            try next("10,40 2 * * *", "Europe/Berlin", after: "2027-03-27T12:00:00Z", count: 2) == ["2027-03-28T01:00:00Z", "2027-03-29T00:10:00Z"])
        // Twice: the first of them.
        #expect(
            try next("30 2 * * *", "Europe/Berlin", after: "2027-10-30T12:00:00Z", count: 2) == ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"])
        // Every hour: every real hour, on both days.
        #expect(
            try next("0 * * * *", "Europe/Berlin", after: "2027-03-28T00:30:00Z", count: 2) == ["2027-03-28T01:00:00Z", "2027-03-28T02:00:00Z"])
        #expect(
            try next("30 * * * *", "Europe/Berlin", after: "2027-10-31T00:00:00Z", count: 3)
                == ["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z", "2027-10-31T02:30:00Z"])
        // New York's midnight, in winter and in summer.
        #expect(
            try next("0 0 * * *", "America/New_York", after: "2027-03-13T12:00:00Z", count: 2) == ["2027-03-14T05:00:00Z", "2027-03-15T04:00:00Z"])
        // Half an hour (Lord Howe, 3 October 2027 at 15:30 UTC the day before: 02:00 becomes 02:30).
        #expect(try next("15 2 * * *", "Australia/Lord_Howe", after: "2027-10-02T12:00:00Z") == ["2027-10-02T15:30:00Z"])
    }

    @Test(arguments: [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *",
        "1,, * * * *", "1-2-3 * * * *", "-1 * * * *", "* * * foo *", "1/2/3 * * * *", "+1 * * * *",
    ])
    func whatIsNoExpressionIsRefusedInWords(_ cron: String) {
        #expect { try CronExpression(cron) } throws: {
            "\($0)".contains(cron.contains(" ") && cron.split(separator: " ").count == 5 ? "is no" : "five fields")
        }
    }

    @Test func anUnknownTimeZoneIsRefused() {
        #expect(throws: CronExpression.Problem.self) { try JobSchedule(cron: "* * * * *", timeZone: "Mars/Olympus").next(after: Date()) }
    }

    /// Against a clock that looks at every minute: a month around each change, in several zones.
    @Test(arguments: ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"])
    func agreesWithLookingAtEveryMinute(_ zone: String) throws {
        let timeZone = try #require(TimeZone(identifier: zone))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = timeZone
        let cases: [(String, (DateComponents) -> Bool)] = [
            ("*/17 * * * *", { $0.minute! % 17 == 0 }), ("7 * 3-9 * *", { $0.minute == 7 && (3...9).contains($0.day!) }),
            ("0 * * * sat", { $0.minute == 0 && $0.weekday == 7 }),
        ]
        for (cron, matches) in cases {
            for start in ["2027-03-27T20:00:00Z", "2027-10-30T20:00:00Z"] {
                var looked = date(start)
                var expected: [Date] = []
                while expected.count < 3 {
                    looked += 60
                    if matches(calendar.dateComponents([.minute, .hour, .day, .weekday], from: looked)) { expected.append(looked) }
                }
                var found: [Date] = []
                while found.count < 3 {
                    found.append(try #require(try JobSchedule(cron: cron, timeZone: zone).next(after: found.last ?? date(start))))
                }
                #expect(found == expected, "\(cron) in \(zone) after \(start)")
            }
        }
    }
}
