import Foundation
import Server
import Store
import Testing

/// A port where nobody listens is an error at once: not when the time for an answer is over.
@Suite struct UnreachableTests {
    private func nobody() throws -> String { "http://127.0.0.1:\(try SilentListener.abandonedPort())" }

    @Test(.timeLimit(.minutes(10))) func aVectorServerThatIsGoneHoldsNoSearchUp() async throws {
        let exchange = ChromaExchange(base: try nobody(), timeout: .minutes(10))
        await #expect(throws: (any Error).self) { try await exchange.send(method: "GET", path: "/api/v2/heartbeat", body: nil) }
    }

    @Test(.timeLimit(.minutes(10))) func aTrainingRunSaysThatTheServerCannotBeReached() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-\(UUID().uuidString).yaml")
        try Data("minion: Wick\ntype: rag_only\ndatasets: [book]\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = TrainRun(
            try TrainTemplate.read(file),
            .init(
                url: try nobody(), token: "session_x", waits: false, again: false, gate: nil, picksBest: false,
                metric: try #require(MetricName("validation_loss")), json: true))
        await #expect {
            try await run.run()
        } throws: {
            ($0 as? TrainFailure)?.exit == .server && ($0 as? TrainFailure)?.message.contains("cannot be reached") == true
        }
    }
}
