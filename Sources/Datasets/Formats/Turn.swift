/// One message of the record that was read last. Its text lives as long as the record.
struct Turn {
    var role: ChatRole
    var text = Bytes(start: nil, count: 0)
    /// False where `content` was null or absent beside tool calls.
    var hasText = true
    /// The message's object on the tape; nil where the text stood in a field of its own.
    var object: Int?
    /// Nothing but a role and one text.
    var isPlain = true
    /// Its text was joined from parts.
    var isJoined = false
    /// A reply whose weight is not 0.
    var isTrained = false
    /// Has calls of tools; an empty list of them is none.
    var callsTools = false
}

/// Keys of a message that mean something here or at OpenAI.
enum TurnKey: UInt32 {
    case role, content, name, weight, toolCalls, functionCall, other

    /// `from` and `value` are ShareGPT's names; nil is a key nobody knows.
    init?(_ key: Bytes, shareGPT: Bool) {
        switch key.count {
        // The two that each message has are compared as numbers.
        case 4 where key.head & 0xFFFF_FFFF == 0x656C_6F72: self = .role
        case 7 where key.head & 0x00FF_FFFF_FFFF_FFFF == 0x0074_6E65_746E_6F63: self = .content
        case 4 where shareGPT && key.equals("from"): self = .role
        case 5 where shareGPT && key.equals("value"): self = .content
        case 4 where key.equals("name"): self = .name
        case 6 where key.equals("weight"): self = .weight
        case 10 where key.equals("tool_calls"): self = .toolCalls
        case 13 where key.equals("function_call"): self = .functionCall
        case 12 where key.equals("tool_call_id"): self = .other
        case 7 where key.equals("refusal"): self = .other
        case 5 where key.equals("audio"): self = .other
        case 17 where key.equals("reasoning_content"): self = .other
        default: return nil
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The first eight bytes, little-endian; those behind the end are whatever follows, which must be readable.
    @inline(__always)
    var head: UInt64 { UnsafeRawPointer(baseAddress!).loadUnaligned(as: UInt64.self) }
}
