import Domain
import Providers
import Synchronization

/// A provider whose calls stay open until the test lets them go, the oldest first.
final class HeldProvider: Provider {
    typealias Continuation = AsyncThrowingStream<ChatEvent, any Error>.Continuation

    let info: ProviderInfo
    private let state = Mutex((open: [(id: Int, call: Continuation)](), made: 0, mostOpen: 0))

    /// Calls that are open now; that were ever made; the most that were open at a time.
    var open: Int { state.withLock { $0.open.count } }
    var made: Int { state.withLock { $0.made } }
    var mostOpen: Int { state.withLock { $0.mostOpen } }

    init(_ id: String) { info = ProviderInfo(id: id, name: id, defaultBaseURL: nil, needsKey: false) }

    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        AsyncThrowingStream { continuation in
            let id = state.withLock { state in
                state.made += 1
                state.open.append((state.made, continuation))
                state.mostOpen = max(state.mostOpen, state.open.count)
                return state.made
            }
            continuation.onTermination = { [self] _ in state.withLock { $0.open.removeAll { $0.id == id } } }
        }
    }

    /// Sends events on the oldest call that is open.
    func send(_ events: ChatEvent...) {
        let call = state.withLock { $0.open.first?.call }
        for event in events { call?.yield(event) }
    }

    /// Ends the oldest call that is open: well, or with an error.
    func end(_ error: ProviderError? = nil) {
        guard let call = state.withLock({ $0.open.isEmpty ? nil : $0.open.removeFirst().call }) else { return }
        if error == nil { for event in [ChatEvent.text("x"), .usage(TokenUsage(input: 1, output: 1)), .finish(.stop)] { call.yield(event) } }
        call.finish(throwing: error)
    }
}

/// Waits until `condition` holds; minutes, since other tests may have the processor.
func eventually(_ condition: () -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + .seconds(300)
    while !condition() {
        if ContinuousClock.now > deadline { return false }
        try await Task.sleep(for: .milliseconds(1))
    }
    return true
}
