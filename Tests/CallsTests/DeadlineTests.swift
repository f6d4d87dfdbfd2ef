import Calls
import Files
import Foundation
import Testing

@Suite struct DeadlineTests {
    @Test func whatIsLateIsLeftBehindAndCancelled() async throws {
        let (cancelled, told) = AsyncStream<Bool>.makeStream()
        await #expect(throws: DeadlineExceeded.self) {
            try await DeadlineExceeded.within(.milliseconds(1), "it") {
                try? await Task.sleep(for: .seconds(3600))
                told.yield(Task.isCancelled)
            }
        }
        for await isCancelled in cancelled {
            #expect(isCancelled)
            break
        }
    }

    @Test func whatIsInTimeIsReturnedAndErrorsAreItsOwn() async throws {
        #expect(try await DeadlineExceeded.within(.seconds(3600), "it") { 7 } == 7)
        await #expect(throws: LocatedError.self) { try await DeadlineExceeded.within(.seconds(3600), "it") { throw LocatedError("no") } }
    }
}
