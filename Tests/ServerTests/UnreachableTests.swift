import Foundation
import NIOCore
import NIOPosix
import Server
import Store
import Testing

/// A port where nobody listens is an error at once: not when the time for an answer is over.
@Suite struct UnreachableTests {
    /// The address of a port of this machine that was free a moment ago.
    private func nobody() async throws -> String {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(channel.localAddress?.port)
        try await channel.close()
        return "http://127.0.0.1:\(port)"
    }

    @Test(.timeLimit(.minutes(10))) func aVectorServerThatIsGoneHoldsNoSearchUp() async throws {
        let exchange = ChromaExchange(base: try await nobody(), timeout: .minutes(10))
        await #expect(throws: (any Error).self) { try await exchange.send(method: "GET", path: "/api/v2/heartbeat", body: nil) }
    }

    @Test(.timeLimit(.minutes(10))) func aTrainingRunSaysThatTheServerCannotBeReached() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-\(UUID().uuidString).yaml")
        try Data("minion: Wick\ntype: rag_only\ndatasets: [book]\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = TrainRun(
            try TrainTemplate.read(file),
            .init(
                url: try await nobody(), token: "session_x", waits: false, again: false, gate: nil, picksBest: false,
                metric: try #require(MetricName("validation_loss")), json: true))
        await #expect {
            try await run.run()
        } throws: {
            ($0 as? TrainFailure)?.exit == .server && ($0 as? TrainFailure)?.message.contains("cannot be reached") == true
        }
    }
}
