/// What a text is for. Asymmetric models (bge, e5) prefix questions and passages differently.
public enum EmbedKind: String, Sendable, Codable {
    case query
    case passage
}
