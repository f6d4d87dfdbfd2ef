import NIOCore
import Providers
import Testing

@testable import Server

/// When a stream's status line goes out: not before there is something of the answer itself.
@Suite struct StreamBeginningTests {
    private struct Refused: Error {}

    private let progress = ServerSentEvents.frame(event: "stage", data: "{}")
    private func isProgress(_ frame: ByteBuffer) -> Bool { frame == progress }

    @Test func whatFailsAfterProgressAloneIsThrown() async {
        await #expect(throws: Refused.self) {
            try await ServerSentEvents.reply(
                within: .seconds(600), holding: isProgress,
                failure: { _ in ByteBuffer() }
            ) { [progress] send in
                await send(progress)
                await send(progress)
                throw Refused()
            }
        }
    }

    @Test func theFirstWordBeginsIt() async throws {
        let (words, word) = AsyncStream.makeStream(of: Void.self)
        let response = try await ServerSentEvents.reply(
            within: .seconds(600), holding: isProgress,
            failure: { _ in ByteBuffer() }
        ) { [progress] send in
            await send(progress)
            await send(ServerSentEvents.frame(event: "text", data: "{}"))
            // It has begun, though it never ends.
            for await _ in words {}
            throw Refused()
        }
        #expect(response.status == .ok)
        word.finish()
    }
}
