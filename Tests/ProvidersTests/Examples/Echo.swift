import Domain
import Providers

/// Answers with the last message of the user. Calls nobody.
public struct Echo: Provider {
    public let info: ProviderInfo

    public init(_ vendor: VendorDefinition) { info = vendor.info }

    public func chat(_ request: ChatRequest, at endpoint: Endpoint) -> AsyncThrowingStream<ChatEvent, any Error> {
        let provider = info.id
        return AsyncThrowingStream { continuation in
            guard let question = request.messages.last(where: { $0.role == .user }) else {
                let error = ProviderError(.invalidRequest, provider: provider, message: "there is no message of the user's to repeat")
                continuation.finish(throwing: error)
                return
            }
            var text = question.content
            // A token is about four letters.
            if let limit = request.sampling.maxTokens { text = String(text.prefix(4 * limit)) }
            let isCut = text.count < question.content.count

            continuation.yield(.model(request.model))
            // In pieces, as a model would write it.
            for (index, word) in text.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
                continuation.yield(.text(index == 0 ? String(word) : " \(word)"))
            }
            continuation.yield(.finish(isCut ? .length : .stop))
            continuation.finish()
        }
    }

    public func models(at endpoint: Endpoint) async throws -> [ModelInfo] { [ModelInfo(id: "echo")] }
}

extension Dialect {
    static let echo = Dialect("echo") { vendor, _ in Echo(vendor) }
}
