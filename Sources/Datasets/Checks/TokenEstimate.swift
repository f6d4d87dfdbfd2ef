/// Guesses how many tokens a text has. The trainer counts with the model's own tokenizer; this is for whole files at once.
public protocol TokenEstimate: Sendable {
    /// Tokens of one text of UTF-8.
    func tokens(of text: UnsafeBufferPointer<UInt8>) -> Int
    /// Tokens that a chat template adds to each message.
    var perMessage: Int { get }
}

/// Bytes divided by a constant.
///
/// SmolLM2's tokenizer has one token for BYTES_PER_TOKEN bytes of English dialogue, more per byte of other languages. Four is the usual
/// rule for English and errs on the long side.
public struct BytesPerToken: TokenEstimate {
    public var bytes: Int
    public var perMessage: Int

    public init(bytes: Int = 4, perMessage: Int = 4) {
        self.bytes = max(1, bytes)
        self.perMessage = perMessage
    }

    public func tokens(of text: UnsafeBufferPointer<UInt8>) -> Int { (text.count + bytes - 1) / bytes }
}
