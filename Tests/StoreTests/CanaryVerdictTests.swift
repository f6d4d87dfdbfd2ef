import Foundation
import Store
import Testing

@Suite struct CanaryVerdictTests {
    /// - Parameters:
    ///   - milliseconds: of every good request, one tenth above and below in turn.
    private func figures(_ requests: Int, failures: Int = 0, milliseconds: Double = 100) -> CanaryFigures {
        var figures = CanaryFigures()
        for index in 0..<requests {
            figures.add(failed: index < failures, milliseconds: milliseconds * (index.isMultiple(of: 2) ? 1.1 : 1 / 1.1))
        }
        return figures
    }

    private func decide(_ settings: CanarySettings, _ active: CanaryFigures, _ canary: CanaryFigures) -> String {
        switch CanaryVerdict.decide(settings, active: active, canary: canary) {
        case .goOn: "goes on"
        case .rollBack(let reason): reason.contains("failed") ? "errors" : "latency"
        case .promote: "promoted"
        }
    }

    @Test func nothingIsJudgedBeforeBothHaveTheirRequests() {
        let settings = CanarySettings(percent: 10, minRequests: 20)
        #expect(decide(settings, figures(500), figures(19, failures: 19)) == "goes on")
        #expect(decide(settings, figures(19), figures(500, failures: 500)) == "goes on")
        #expect(decide(settings, figures(20), figures(20, failures: 20)) == "errors")
        #expect(decide(CanarySettings(percent: 10, minRequests: 5), figures(19), figures(19, failures: 19)) == "errors")
    }

    @Test func moreFailuresThanAllowedEndIt() {
        let settings = CanarySettings(percent: 50, minRequests: 50, maxErrorIncrease: 0.05)
        #expect(decide(settings, figures(200, failures: 10), figures(200, failures: 60)) == "errors")
        #expect(decide(settings, figures(200, failures: 10), figures(200, failures: 20)) == "goes on", "five points more may be chance")
        #expect(decide(settings, figures(200, failures: 60), figures(200, failures: 60)) == "goes on", "a vendor that fails fails both")
        let lenient = CanarySettings(percent: 50, minRequests: 50, maxErrorIncrease: 0.5)
        #expect(decide(lenient, figures(200, failures: 10), figures(200, failures: 60)) == "goes on")
    }

    @Test func answersThatTakeLongerThanAllowedEndIt() {
        let settings = CanarySettings(percent: 50, minRequests: 50, maxLatencyRatio: 1.5)
        #expect(decide(settings, figures(100), figures(100, milliseconds: 200)) == "latency")
        #expect(decide(settings, figures(100), figures(100, milliseconds: 140)) == "goes on")
        #expect(decide(CanarySettings(percent: 50, maxLatencyRatio: 3), figures(100), figures(100, milliseconds: 200)) == "goes on")
    }

    @Test func enoughGoodRequestsPromoteIt() {
        let settings = CanarySettings(percent: 50, minRequests: 10, promoteAfter: 30)
        #expect(decide(settings, figures(100), figures(29)) == "goes on")
        #expect(decide(settings, figures(100), figures(30, failures: 1)) == "goes on", "a failed request is no good one")
        #expect(decide(settings, figures(100), figures(31, failures: 1)) == "promoted")
        #expect(decide(CanarySettings(percent: 50, minRequests: 10), figures(100), figures(5000)) == "goes on")
    }

    @Test func theTypicalTimeIsTheGeometricMeanOfTheGood() throws {
        var figures = CanaryFigures()
        for milliseconds in [10.0, 1000] { figures.add(failed: false, milliseconds: milliseconds) }
        figures.add(failed: true, milliseconds: 1_000_000)
        #expect(abs(try #require(figures.typicalMilliseconds) - 100) < 1e-9)
        #expect(figures.errorRate == 1.0 / 3)
    }
}
