import Domain
import NIOCore

/// Reads a stream of `chat.completion.chunk`s. Usage is accepted on any chunk; the end is held
/// back until the stream's end, so that it comes after the usage.
public struct OpenAIStreamDecoder: ReplyDecoder {
    private let provider: String
    private let key: Secret?
    private var parser = ServerSentEventParser()
    private var message: OpenAIMessage
    private var hasDeltas = false
    private var model: String?
    private var end: ChatEvent?
    public private(set) var isComplete = false
    public var hasFinishReason: Bool { end != nil }

    /// - Parameter key: taken out of error messages.
    public init(provider: String, key: Secret? = nil) {
        self.provider = provider
        self.key = key
        message = OpenAIMessage(provider: provider)
    }

    public mutating func push(_ bytes: ByteBuffer, into events: inout [ChatEvent]) throws {
        for event in try parser.push(bytes.readableBytesView) where !isComplete { try read(event, into: &events) }
    }

    public mutating func finish(into events: inout [ChatEvent]) throws {
        guard !isComplete else { return }
        guard let end else {
            throw ProviderError(.cutStream, provider: provider, status: 200, message: "the stream ended without a finish reason or [DONE]")
        }
        events.append(message.end(end))
        isComplete = true
    }

    private mutating func read(_ event: ServerSentEvent, into events: inout [ChatEvent]) throws {
        if event.data == "[DONE]" {
            events.append(message.end(end))
            isComplete = true
            return
        }
        guard let chunk = try? JSONValue(parsing: event.data) else {
            throw ProviderError(
                .malformedReply, provider: provider, status: 200,
                message: "a stream event is not JSON: \(Redaction.redact(String(event.data.prefix(200)), key: key))")
        }
        if event.event == "error" || chunk["error"].map({ !$0.isNull }) == true {
            // What was used until then is paid all the same.
            if let usage = OpenAIUsage.read(chunk["usage"]) { events.append(.usage(usage)) }
            throw OpenAIErrors.error(VendorFailure(status: 200, json: chunk), provider: provider, key: key)
        }
        if model == nil, let name = chunk["model"]?.stringValue, !name.isEmpty {
            model = name
            events.append(.model(name))
        }
        // One reply was asked for; other choices would be interleaved into it.
        let choice = chunk["choices"]?.arrayValue?.first { $0["index"]?.intValue ?? 0 == 0 }
        let usage = OpenAIUsage.read(chunk["usage"])
        if let error = choice.flatMap({ OpenAIErrors.failure($0, provider: provider, key: key) }) {
            if let usage { events.append(.usage(usage)) }
            throw error
        }
        let told = OpenAIMessage.finishReasons.end(choice?["finish_reason"], provider: provider, key: key)
        // Words that come with a failure are left out: where they are the first, a fallback may still answer.
        if !(told?.isFailure ?? false) {
            do {
                let pieces = try choice?["delta"].map { try message.events($0, isWhole: false) } ?? []
                if !pieces.isEmpty { hasDeltas = true }
                events += pieces
                // Some servers send `message` in place of `delta`; after deltas it only repeats them.
                if !hasDeltas, let whole = choice?["message"] { events += try message.events(whole, isWhole: false) }
            } catch {
                if let usage { events.append(.usage(usage)) }
                throw error
            }
        }
        if let told, !(end?.isFailure ?? false) { end = told }
        if let usage { events.append(.usage(usage)) }
    }
}
