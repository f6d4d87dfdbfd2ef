import Foundation

/// When a job starts by itself: a cron expression and where its clock is.
public struct JobSchedule: Sendable, Codable, Equatable {
    public var cron: String
    /// An identifier of the tz database, `Europe/Paris`.
    public var timeZone: String

    enum CodingKeys: String, CodingKey {
        case cron
        case timeZone = "time_zone"
    }

    public init(cron: String, timeZone: String = "UTC") {
        self.cron = cron
        self.timeZone = timeZone
    }

    /// The first time after `date`; nil where there is none within eight years.
    /// - Throws: ``CronExpression/Problem`` where expression or time zone cannot be read.
    public func next(after date: Date) throws -> Date? {
        guard let zone = TimeZone(identifier: timeZone) else {
            throw CronExpression.Problem(message: "\"\(timeZone)\" is no time zone: give one like Europe/Paris or UTC")
        }
        return try CronExpression(cron).next(after: date, in: zone)
    }
}
