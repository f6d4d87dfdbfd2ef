/// What a vendor asks for a model, in US dollars per million tokens.
public struct Price: Sendable, Codable, Equatable {
    public var provider: String
    /// The model's name without a date; `nil` for every model of the provider. A dated snapshot
    /// (`-2025-04-14`, `-20250514`) has its model's price.
    public var model: String?
    public var input: Double
    /// Input read from the vendor's cache; absent where the vendor gives no discount.
    public var cachedInput: Double?
    /// Input written into the vendor's cache; absent where it costs no more than other input.
    public var cacheWrite: Double?
    public var output: Double
    /// The day the price was read, `YYYY-MM-DD`.
    public var asOf: String
    /// Where it was read.
    public var source: String

    public init(
        provider: String, model: String?, input: Double, cachedInput: Double? = nil, cacheWrite: Double? = nil, output: Double, asOf: String,
        source: String
    ) {
        self.provider = provider
        self.model = model
        self.input = input
        self.cachedInput = cachedInput
        self.cacheWrite = cacheWrite
        self.output = output
        self.asOf = asOf
        self.source = source
    }

    /// US dollars for `usage`. Each input token is paid once: as cached, as written or as fresh.
    /// Reasoning tokens are part of the output.
    public func cost(_ usage: TokenUsage) -> Double {
        let cached = max(0, min(usage.cachedInput, usage.input))
        let written = max(0, min(usage.cacheWrite, usage.input - cached))
        let fresh = max(0, usage.input - cached - written)
        let dollars =
            Double(fresh) * input + Double(cached) * (cachedInput ?? input) + Double(written) * (cacheWrite ?? input)
            + Double(max(0, usage.output)) * output
        return dollars / 1_000_000
    }
}
