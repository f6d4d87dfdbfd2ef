import Domain
import Providers

/// Recorded replies of one dialect: what the contract suite plays to every provider that speaks it.
struct DialectFixture: Sendable {
    struct Refusal: Sendable {
        var status: Int
        var body: String
        var headers: [String: String] = [:]
        var kind: ProviderError.Kind
    }

    var streamType: String
    /// "Hello, wörld" in two pieces; model "m-1"; 12 tokens in, of them 4 cached; 5 out.
    var stream: String
    /// The same as one document.
    var whole: String
    /// One call of `get_weather` with `{"city":"Paris"}`.
    var toolStream: String
    var toolWhole: String
    /// "Hello" and then an overload or server error inside the stream.
    var brokenStream: String
    var brokenKind: ProviderError.Kind
    /// "Hello" and nothing more.
    var cutStream: String
    /// ``stream`` with events, fields and blocks nobody has heard of.
    var strangeStream: String
    var reasoningStream: String
    var refusals: [Refusal]
    /// A refusal's body that says no more than its status does.
    var plainRefusal: String
    /// Two models, "m-1" and "m-2".
    var models: String
    var chatPath: String
    var modelsPath: String
    var usage = TokenUsage(input: 12, output: 5, cachedInput: 4)

    /// What a status means where the body says no more.
    static let statuses: [(Int, ProviderError.Kind)] = [
        (400, .invalidRequest), (401, .authentication), (402, .billing), (403, .permission), (404, .notFound), (408, .timeout), (410, .notFound),
        (413, .invalidRequest), (422, .invalidRequest), (429, .rateLimited), (500, .serverError), (502, .serverError), (503, .overloaded),
        (504, .timeout), (529, .overloaded),
    ]

    /// By the id of a vendor or the name of a dialect; every vendor of a dialect shares one.
    static func of(_ provider: String) -> DialectFixture {
        switch VendorCatalog.all.first(where: { $0.id == provider })?.dialect ?? provider {
        case "anthropic": .anthropic
        case "ollama": .ollama
        default: .openAI
        }
    }
}
