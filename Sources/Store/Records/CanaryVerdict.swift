import Foundation

/// What the figures of a trial say.
///
/// Both questions are one-sided at 99 %: the trial is looked at after every request, and a laxer test would soon be
/// wrong by chance. Errors: the difference of two proportions, each with one success and one failure added (Agresti
/// and Caffo, The American Statistician 54, 2000). Times: the difference of the mean logarithms, which is the ratio of
/// the typical times (Welch).
public enum CanaryVerdict: Sendable, Equatable {
    case goOn(String)
    case rollBack(String)
    case promote(String)

    /// The standard normal's 99 % quantile.
    static let quantile = 2.326

    public static func decide(_ settings: CanarySettings, active: CanaryFigures, canary: CanaryFigures) -> CanaryVerdict {
        guard active.requests >= settings.minRequests, canary.requests >= settings.minRequests else {
            return .goOn("\(canary.requests) requests against \(active.requests); judged from \(settings.minRequests) each")
        }
        let (increase, sureIncrease) = errors(active, canary)
        if sureIncrease > settings.maxErrorIncrease {
            return .rollBack(
                "\(canary.failures) of \(canary.requests) requests failed, against \(active.failures) of \(active.requests) of the active release: "
                    + "surely \(percent(sureIncrease)) more, where \(percent(settings.maxErrorIncrease)) are allowed")
        }
        if let sure = slowdown(active, canary), sure > settings.maxLatencyRatio {
            return .rollBack(
                "answers take \(milliseconds(canary)), against \(milliseconds(active)) of the active release: surely \(ratio(sure)) times as long, "
                    + "where \(ratio(settings.maxLatencyRatio)) is allowed")
        }
        if let after = settings.promoteAfter, canary.good >= after {
            return .promote("\(canary.good) good requests, \(percent(increase)) more failures than the active release's")
        }
        return .goOn("nothing speaks against it: \(canary.good) good requests of \(canary.requests)")
    }

    /// The difference of the error rates, and what it surely is at least.
    private static func errors(_ active: CanaryFigures, _ canary: CanaryFigures) -> (Double, Double) {
        func adjusted(_ figures: CanaryFigures) -> (rate: Double, squaredError: Double) {
            let (failures, requests) = (Double(figures.failures) + 1, Double(figures.requests) + 2)
            let rate = failures / requests
            return (rate, rate * (1 - rate) / requests)
        }
        let (a, c) = (adjusted(active), adjusted(canary))
        return (c.rate - a.rate, c.rate - a.rate - quantile * (a.squaredError + c.squaredError).squareRoot())
    }

    /// How many times as long the canary surely takes at least; nil where too few requests were good.
    private static func slowdown(_ active: CanaryFigures, _ canary: CanaryFigures) -> Double? {
        guard let a = active.meanLog, let c = canary.meanLog else { return nil }
        return exp(c.mean - a.mean - quantile * (a.squaredError + c.squaredError).squareRoot())
    }

    private static func percent(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
    private static func ratio(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
    private static func milliseconds(_ figures: CanaryFigures) -> String { figures.typicalMilliseconds.map { "\(Int($0.rounded())) ms" } ?? "?" }
}
