extension TrainingConfig {
    /// Which matrices of the base model get an adapter: all but the head, or those whose modules are named.
    public enum TargetModules: Sendable, Codable, Equatable {
        case allLinear
        case named([String])

        public init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            self = if let names = try? container.decode([String].self) { .named(names) } else { .allLinear }
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .allLinear: try container.encode("all-linear")
            case .named(let names): try container.encode(names)
            }
        }
    }

    /// How the learning rate goes over the steps, after its warm-up.
    public enum LearningRateSchedule: String, Sendable, Codable, CaseIterable {
        case cosine, linear, constant
        case constantWithWarmup = "constant_with_warmup"
    }

    /// What computes; `auto` takes CUDA, else MPS, else the processor.
    public enum Device: String, Sendable, Codable, CaseIterable {
        case auto, cpu, cuda, mps
    }
}
