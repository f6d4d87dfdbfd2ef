import Answers
import Domain
import NIOCore
import Providers

/// From the reply's events to Anthropic's stream
/// (https://platform.claude.com/docs/en/build-with-claude/streaming): `message_start`, then for each block
/// start, deltas and stop, then `message_delta` and `message_stop`. Pure.
struct MessagesStream {
    private enum Block: Equatable {
        case text, thinking
        /// By the vendor's number of the call.
        case tool(Int)
    }

    private let id = GatewayID.make("msg_")
    private let model: String
    private var isOpen = false
    private var usage = TokenUsage(input: 0, output: 0)
    private var current: Block?
    /// Blocks begun so far; the current one has the last number.
    private var blocks = 0
    private var tools: [Int: Int] = [:]

    init(model: String) { self.model = model }

    /// The frames for an event; nil where there is nothing to tell yet.
    mutating func bytes(for event: ChatEvent) -> ByteBuffer? {
        var json = JSONBytes()
        switch event {
        case .usage(let seen):
            usage = seen
            return nil
        case .model, .finish, .failed: return nil
        case .text(let text):
            begin(.text, &json) { $0.raw(#"{"type":"text","text":""}"#) }
            delta(blocks - 1, #"{"type":"text_delta","text":"#, text, &json)
        case .reasoning(let text):
            begin(.thinking, &json) { $0.raw(#"{"type":"thinking","thinking":"","signature":""}"#) }
            delta(blocks - 1, #"{"type":"thinking_delta","thinking":"#, text, &json)
        case .toolCall(let index, let id, let name, let arguments):
            if tools[index] == nil {
                begin(.tool(index), &json) {
                    $0.raw(#"{"type":"tool_use","id":"#)
                    $0.string(id ?? GatewayID.make("toolu_"))
                    $0.raw(#","name":"#)
                    $0.string(name ?? "")
                    $0.raw(#","input":{}}"#)
                }
                tools[index] = blocks - 1
            }
            // A piece that comes late still belongs to its own block.
            if !arguments.isEmpty { delta(tools[index]!, #"{"type":"input_json_delta","partial_json":"#, arguments, &json) }
        }
        return json.buffer.readableBytes > 0 ? json.buffer : nil
    }

    /// The stream's end.
    mutating func ending(_ completion: Completion) -> ByteBuffer {
        var json = JSONBytes()
        open(&json)
        stop(&json)
        frame("message_delta", &json) {
            $0.raw(#","delta":{"stop_reason":""#)
            $0.raw(MessagesReply.stopReason(completion.finish))
            $0.raw(#"","stop_sequence":null},"usage":"#)
            MessagesReply.write(completion.usage, to: &$0)
            MessagesReply.writeOrigin(completion, to: &$0)
        }
        frame("message_stop", &json) { _ in }
        return json.buffer
    }

    private mutating func open(_ json: inout JSONBytes) {
        guard !isOpen else { return }
        isOpen = true
        frame("message_start", &json) {
            $0.raw(#","message":"#)
            MessagesReply.head(id: id, model: model, to: &$0)
            $0.raw(#","content":[],"stop_reason":null,"stop_sequence":null,"usage":"#)
            // What the vendor has said so far; the last word is in `message_delta`.
            MessagesReply.write(usage, to: &$0)
            $0.raw("}")
        }
    }

    private mutating func begin(_ block: Block, _ json: inout JSONBytes, _ content: (inout JSONBytes) -> Void) {
        guard current != block else { return }
        open(&json)
        stop(&json)
        current = block
        let index = blocks
        blocks += 1
        frame("content_block_start", &json) {
            $0.raw(#","index":"#)
            $0.integer(index)
            $0.raw(#","content_block":"#)
            content(&$0)
        }
    }

    private mutating func stop(_ json: inout JSONBytes) {
        guard current != nil else { return }
        current = nil
        let index = blocks - 1
        frame("content_block_stop", &json) {
            $0.raw(#","index":"#)
            $0.integer(index)
        }
    }

    private func delta(_ index: Int, _ opening: StaticString, _ text: String, _ json: inout JSONBytes) {
        frame("content_block_delta", &json) {
            $0.raw(#","index":"#)
            $0.integer(index)
            $0.raw(#","delta":"#)
            $0.raw(opening)
            $0.string(text)
            $0.raw("}")
        }
    }

    private func frame(_ event: StaticString, _ json: inout JSONBytes, _ members: (inout JSONBytes) -> Void) {
        json.raw("event: ")
        json.raw(event)
        json.raw("\ndata: {\"type\":\"")
        json.raw(event)
        json.raw("\"")
        members(&json)
        json.raw("}\n\n")
    }
}
