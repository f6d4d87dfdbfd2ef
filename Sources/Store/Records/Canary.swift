import Foundation

/// A release on trial: the share of the requests it answers, and what ends the trial.
public struct Canary: Sendable, Codable, Equatable {
    /// Of this trial; a second trial of the same release begins with new figures.
    public var id: String
    public var releaseID: String
    public var settings: CanarySettings
    public var startedAt: Date

    enum CodingKeys: String, CodingKey {
        case id, settings
        case releaseID = "release_id"
        case startedAt = "started_at"
    }
}

/// How a trial goes.
public struct CanarySettings: Sendable, Codable, Equatable {
    /// Of a hundred requests, how many it answers: more than 0, less than 100.
    public var percent: Double
    /// Requests each of the two must have answered before either is judged.
    public var minRequests: Int
    /// How much larger its share of failed requests may surely be, 0…1.
    public var maxErrorIncrease: Double
    /// How many times as long its answers may surely take.
    public var maxLatencyRatio: Double
    /// Good requests after which it is promoted; absent: never by itself.
    public var promoteAfter: Int?

    enum CodingKeys: String, CodingKey {
        case percent
        case minRequests = "min_requests"
        case maxErrorIncrease = "max_error_increase"
        case maxLatencyRatio = "max_latency_ratio"
        case promoteAfter = "promote_after"
    }

    public init(percent: Double, minRequests: Int = 50, maxErrorIncrease: Double = 0.05, maxLatencyRatio: Double = 1.5, promoteAfter: Int? = nil) {
        self.percent = percent
        self.minRequests = minRequests
        self.maxErrorIncrease = maxErrorIncrease
        self.maxLatencyRatio = maxLatencyRatio
        self.promoteAfter = promoteAfter
    }
}

/// Which of the two answered.
public enum CanaryArm: String, Sendable, Codable, CaseIterable { case active, canary }

/// What one arm of a trial has done. Times enter as logarithms: sums of them and of their squares are all the test needs.
public struct CanaryFigures: Sendable, Equatable {
    public var requests: Int
    /// Requests nobody answered, or whose draft, passages or adapter failed.
    public var failures: Int
    /// Of the natural logarithms of the milliseconds of the others.
    public var logSum: Double
    public var logSquareSum: Double

    public init(requests: Int = 0, failures: Int = 0, logSum: Double = 0, logSquareSum: Double = 0) {
        self.requests = requests
        self.failures = failures
        self.logSum = logSum
        self.logSquareSum = logSquareSum
    }

    public mutating func add(failed: Bool, milliseconds: Double) {
        requests += 1
        if failed {
            failures += 1
        } else {
            let log = Foundation.log(max(milliseconds, 0.001))
            logSum += log
            logSquareSum += log * log
        }
    }

    public var good: Int { requests - failures }
    public var errorRate: Double? { requests == 0 ? nil : Double(failures) / Double(requests) }
    /// The geometric mean; nil before the first good request.
    public var typicalMilliseconds: Double? { good == 0 ? nil : exp(logSum / Double(good)) }
    /// Mean of the logarithms and the square of its standard error; nil below two.
    var meanLog: (mean: Double, squaredError: Double)? {
        guard good > 1 else { return nil }
        let mean = logSum / Double(good)
        let variance = max(0, (logSquareSum - Double(good) * mean * mean) / Double(good - 1))
        return (mean, variance / Double(good))
    }
}
