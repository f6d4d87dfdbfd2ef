import Domain
import Foundation
import Providers
import Synchronization

/// A provider that plays one scripted reply a call; the last one again for every further call.
final class ScriptedProvider: Provider {
    struct Reply: Sendable {
        var events: [ChatEvent] = []
        var error: ProviderError?
        /// Waits for cancellation after the events.
        var hangs = false
    }

    let info: ProviderInfo
    private let replies: [Reply]
    private let state = Mutex((requests: [ChatRequest](), cancelled: 0))

    var requests: [ChatRequest] { state.withLock { $0.requests } }
    var cancelled: Int { state.withLock { $0.cancelled } }

    init(_ id: String, _ replies: Reply...) {
        info = ProviderInfo(id: id, name: id, defaultBaseURL: nil, needsKey: false)
        self.replies = replies
    }

    func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        let number = state.withLock { state in
            state.requests.append(request)
            return state.requests.count - 1
        }
        let reply = replies[min(number, replies.count - 1)]
        return AsyncThrowingStream { continuation in
            for event in reply.events { continuation.yield(event) }
            if reply.hangs {
                continuation.onTermination = { [self] in
                    if case .cancelled = $0 { state.withLock { $0.cancelled += 1 } }
                }
            } else {
                continuation.finish(throwing: reply.error)
            }
        }
    }
}

extension ScriptedProvider.Reply {
    static func answers(_ text: String, usage: TokenUsage? = TokenUsage(input: 10, output: 5)) -> Self {
        .init(events: [.model("answered"), .text(text)] + (usage.map { [.usage($0)] } ?? []) + [.finish(.stop)])
    }

    static func fails(_ kind: ProviderError.Kind, after events: [ChatEvent] = [], status: Int? = nil, retryAfter: Double? = nil) -> Self {
        .init(
            events: events, error: ProviderError(kind, provider: "scripted", status: status, message: "no: \(kind.rawValue)", retryAfter: retryAfter))
    }
}

/// Collects values across tasks.
final class Box<Value: Sendable>: Sendable {
    private let storage = Mutex<[Value]>([])
    var values: [Value] { storage.withLock { $0 } }
    func add(_ value: Value) { storage.withLock { $0.append(value) } }
}
