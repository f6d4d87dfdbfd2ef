import Providers

extension ProviderCatalog.Defined {
    private static let known: Set<String> = ["id", "name", "dialect", "base_url", "needs_key", "auth_header", "allowed_fields", "prices"]

    /// A vendor that speaks OpenAI's chat completions, as JSON: `id`, `name`, `base_url`, and where they
    /// differ from the usual `needs_key` (true), `auth_header` (Authorization: Bearer), `allowed_fields`
    /// (all) and `prices` (US dollars per million tokens).
    /// - Throws: ``ProviderCatalog/Invalid`` with everything that is wrong.
    public init(json: String, transport: HTTPTransport) throws {
        guard let object = try? JSONValue(parsing: json), let fields = object.objectValue else {
            throw ProviderCatalog.Invalid([.init(field: nil, message: "is not a JSON object")])
        }
        var problems = fields.keys.filter { !Self.known.contains($0) }.sorted().map {
            ProviderCatalog.Invalid.Problem(
                field: $0, message: "is not a field of a definition; known: \(Self.known.sorted().joined(separator: ", "))")
        }
        func fail(_ field: String, _ message: String) { problems.append(.init(field: field, message: message)) }
        let id = fields["id"]?.stringValue ?? ""
        if id.wholeMatch(of: /[a-z][a-z0-9_-]{0,59}/) == nil { fail("id", "must be 1 to 60 of a-z, 0-9, - and _, a letter first") }
        let name = fields["name"]?.stringValue ?? ""
        if !(1...100).contains(name.count) { fail("name", "must be text of 1 to 100 characters") }
        if let dialect = fields["dialect"], dialect != "openai" { fail("dialect", "must be openai") }
        let url = fields["base_url"]?.stringValue ?? ""
        if !url.hasPrefix("https://"), !url.hasPrefix("http://") { fail("base_url", "must be an http or https URL") }
        let needsKey = fields["needs_key"].map { $0.boolValue }
        if needsKey == .some(nil) { fail("needs_key", "must be true or false") }
        let header = fields["auth_header"].map { $0.stringValue }
        if let header, header?.wholeMatch(of: /[A-Za-z0-9-]{1,60}/) == nil { fail("auth_header", "must be the name of a header field") }
        let allowed = fields["allowed_fields"].map { $0.arrayValue?.map(\.stringValue) }
        if let allowed, allowed == nil || allowed!.contains(nil) { fail("allowed_fields", "must be a list of texts") }
        var prices: [Price] = []
        for (index, entry) in (fields["prices"]?.arrayValue ?? []).enumerated() {
            let amounts = ["input", "cached_input", "cache_write", "output"].map { entry[$0]?.doubleValue }
            guard let input = amounts[0], let output = amounts[3], amounts.allSatisfy({ ($0 ?? 0) >= 0 }) else {
                fail("prices[\(index)]", "needs input and output, in US dollars per million tokens, not below 0")
                continue
            }
            prices.append(
                Price(
                    provider: id, model: entry["model"]?.stringValue, input: input, cachedInput: amounts[1], cacheWrite: amounts[2], output: output,
                    asOf: entry["as_of"]?.stringValue ?? "", source: "the provider's definition"))
        }
        guard problems.isEmpty else { throw ProviderCatalog.Invalid(problems) }
        let profile = VendorProfile(
            ProviderInfo(id: id, name: name, defaultBaseURL: url, needsKey: (needsKey ?? true) ?? true),
            authentication: header.flatMap { $0 }.map { .header($0) } ?? .bearer,
            allowedFields: allowed.flatMap { $0 }.map { Set($0.compactMap { $0 }) })
        self.init(provider: OpenAICompatible(profile: profile, transport: transport), prices: prices)
    }
}
