/// Who speaks.
public enum ChatRole: String, Sendable, Codable, CaseIterable {
    case system, developer, user, assistant, tool, function

    /// OpenAI's names.
    init?(openAI name: Bytes) {
        // "user" and "assistant", compared as numbers.
        switch name.count {
        case 4 where name.head & 0xFFFF_FFFF == 0x7265_7375: self = .user
        case 9 where name.head == 0x6E61_7473_6973_7361 && name[8] == 0x74: self = .assistant
        case 9 where name.equals("developer"): self = .developer
        case 6 where name.equals("system"): self = .system
        case 4 where name.equals("tool"): self = .tool
        case 8 where name.equals("function"): self = .function
        default: return nil
        }
    }

    /// ShareGPT's names: those of its first files, of what later tools wrote, and OpenAI's.
    init?(shareGPT name: Bytes) {
        switch name.count {
        case 3 where name.equals("gpt"): self = .assistant
        case 5 where name.equals("human"): self = .user
        case 5 where name.equals("model"): self = .assistant
        case 4 where name.equals("bing") || name.equals("bard"): self = .assistant
        case 7 where name.equals("chatgpt"): self = .assistant
        case 13 where name.equals("function_call"): self = .assistant
        case 11 where name.equals("observation"): self = .tool
        case 17 where name.equals("function_response"): self = .tool
        default: self.init(openAI: name)
        }
    }

    /// As ShareGPT files write it.
    var shareGPTName: String {
        switch self {
        case .user: "human"
        case .assistant: "gpt"
        default: rawValue
        }
    }
}
