import Calls
import Domain
import Foundation
import Knowledge
import Providers
import Store

/// What a minion is asked, and what of its settings this one question overrides.
public struct Question: Sendable, Encodable {
    /// The conversation; the last message is the user's question.
    public var messages: [ChatMessage]
    /// Also of a minion in direct mode.
    public var order: PipelineSettings.Order?
    public var voicePrompt: PipelineSettings.VoicePrompt?
    public var useDraft: Bool?
    public var usePassages: Bool?
    public var adapterScale: Double?
    public var topK: Int?
    public var sampling: Sampling
    public var stream: Bool
    /// Functions of the caller's that the answering model may call.
    public var tools: [ToolDefinition] = []
    public var toolChoice: JSONValue?
    public var responseFormat: JSONValue?
    /// Hints that some vendors take; a vendor that does not take one is not sent it.
    public var extra: [String: JSONValue] = [:]
    /// What the client calls the conversation: while a release is on trial, one conversation is answered by one release.
    public var conversationID: String?

    public init(
        messages: [ChatMessage], order: PipelineSettings.Order? = nil, voicePrompt: PipelineSettings.VoicePrompt? = nil, useDraft: Bool? = nil,
        usePassages: Bool? = nil, adapterScale: Double? = nil, topK: Int? = nil,
        sampling: Sampling = .init(), stream: Bool = true
    ) {
        self.messages = messages
        self.order = order
        self.voicePrompt = voicePrompt
        self.useDraft = useDraft
        self.usePassages = usePassages
        self.adapterScale = adapterScale
        self.topK = topK
        self.sampling = sampling
        self.stream = stream
    }

    public var text: String { messages.last { $0.role == .user }?.content ?? "" }

    /// As a request of these messages; the model is each route's.
    func request(_ messages: [ChatMessage], _ sampling: Sampling) -> ChatRequest {
        ChatRequest(
            model: "", messages: messages, sampling: sampling, tools: tools, toolChoice: toolChoice, responseFormat: responseFormat,
            stream: stream, extra: extra)
    }

    /// Whether the answer is for a program to parse: then nothing may be added to it.
    var wantsJSON: Bool { responseFormat?["type"]?.stringValue.map { $0 != "text" } ?? false }
}

/// A finished answer.
public struct Answer: Sendable, Codable {
    public var id: String
    public var text: String
    public var citations: [Citation]
    /// The model that answered, as its vendor names it.
    public var provider: String
    public var model: String
    public var finishReason: FinishReason
    /// Calls of the caller's functions; then the text is what the model said beside them, mostly nothing.
    public var toolCalls: [ToolCall] = []
    public var reasoning = ""
    public var degraded: [Degradation]
    public var trace: Trace
    /// True where it was given before and is given again.
    public var cached: Bool?
}

/// `[number]` in the answer's text, and the passage it stands for.
public struct Citation: Sendable, Codable, Equatable {
    public var number: Int
    public var document: String
    public var title: String
    public var chunkID: String
    /// UTF-8 byte range in the document.
    public var startByte: Int
    public var endByte: Int
    public var by: Author
    /// Where its marks stand in the answer: UTF-8 bytes before their brackets. Empty in answers kept by earlier versions.
    public var offsets: [Int]

    /// Whose a mark is.
    public enum Author: String, Sendable, Codable {
        /// The model wrote it.
        case model
        /// The server set it behind a sentence whose numbers and rarer words the passage shares.
        case overlap
    }

    init(
        number: Int, document: String, title: String, chunkID: String, startByte: Int, endByte: Int, by: Author, offsets: [Int]
    ) {
        self.number = number
        self.document = document
        self.title = title
        self.chunkID = chunkID
        self.startByte = startByte
        self.endByte = endByte
        self.by = by
        self.offsets = offsets
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        number = try values.decode(Int.self, forKey: .number)
        document = try values.decode(String.self, forKey: .document)
        title = try values.decode(String.self, forKey: .title)
        chunkID = try values.decode(String.self, forKey: .chunkID)
        startByte = try values.decode(Int.self, forKey: .startByte)
        endByte = try values.decode(Int.self, forKey: .endByte)
        by = try values.decode(Author.self, forKey: .by)
        offsets = try values.decodeIfPresent([Int].self, forKey: .offsets) ?? []
    }

    enum CodingKeys: String, CodingKey {
        case number, document, title, by, offsets
        case chunkID = "chunk_id"
        case startByte = "start_byte"
        case endByte = "end_byte"
    }
}

/// An answer on its way.
public enum AnswerEvent: Sendable {
    /// A stage ended.
    case stage(StageTiming)
    /// A piece of the reply, as the model gives it.
    case reply(ChatEvent)
}
