import Domain

extension VendorDefinition {
    /// Reads and checks a user's definition, from JSON as `docs/adding-a-provider.md` describes it.
    /// - Throws: ``DataProblems`` with every problem at once.
    public init(parsing json: JSONValue, dialects: [Dialect] = Dialect.all) throws(DataProblems) {
        try self.init(json, dialects: dialects, origin: .user)
    }

    /// - Throws: ``DataProblems``, also for text that is not JSON.
    public init(parsing text: String, dialects: [Dialect] = Dialect.all) throws(DataProblems) {
        let json: JSONValue
        do { json = try JSONValue(parsing: text) } catch { throw DataProblems([DataProblem("body", "is not JSON: \(error)")]) }
        try self.init(json, dialects: dialects, origin: .user)
    }

    init(_ json: JSONValue, dialects: [Dialect], origin: Origin) throws(DataProblems) {
        var fields = FieldReader(json)
        let dialectName = fields.string("dialect") ?? "openai"
        let dialect = dialects.first { $0.name == dialectName }
        let id = fields.requiredString("id")
        self.init(
            id: id, name: fields.requiredString("name"), docs: fields.string("docs"), dialect: dialectName, baseURL: fields.string("base_url"),
            needsKey: fields.bool("needs_key") ?? true, modelListChecksKey: fields.bool("model_list_checks_key") ?? true,
            auth: Self.auth(&fields) ?? dialect?.auth ?? .bearer, headers: fields.stringMap("headers") ?? [:],
            allowedFields: fields.strings("allowed_fields").map(Set.init), extraFields: Self.extra(&fields, dialect),
            renames: fields.stringMap("renames") ?? [:], supportsStreamOptions: fields.bool("supports_stream_options") ?? true,
            embeddings: Self.embeddings(&fields) ?? dialect?.embeddings.first ?? .unavailable,
            prefersShortPrompts: fields.bool("prefers_short_prompts") ?? false, isManaged: fields.bool("managed") ?? false)
        if let field = fields.string("max_tokens_field") {
            if renames["max_tokens"] != nil { fields.fail("max_tokens_field", "is said already by renames.max_tokens") }
            renames["max_tokens"] = field
        }
        for (index, entry) in (fields.list("model_rules") ?? []).enumerated() {
            var inner = FieldReader(entry, at: "model_rules[\(index)]")
            modelRules.append(ModelRule(models: inner.requiredStrings("models"), omit: Set(inner.requiredStrings("omit"))))
            inner.refuseUnknown()
            fields.add(inner)
        }
        for (index, entry) in (fields.list("prices") ?? []).enumerated() {
            let (price, problems, unlisted) = Price.read(entry, provider: id, at: "prices[\(index)]")
            prices.append(price)
            fields.add(problems, unlisted: unlisted)
        }
        fields.refuseUnknown()
        let known = Set(fields.problems.map(\.field))
        // A field of the wrong kind has been named already; its default is not to be judged too.
        let problems = fields.problems + validate(dialects: dialects, origin: origin).filter { !known.contains($0.field) }
        guard problems.isEmpty else { throw DataProblems(problems, unlisted: fields.unlisted) }
    }

    private static func auth(_ fields: inout FieldReader) -> Auth? {
        guard let json = fields.value("auth") else { return nil }
        if json == "bearer" { return .bearer }
        guard json.objectValue != nil else {
            fields.fail("auth", #"must be "bearer" or {"header": "…", "prefix": "…"}"#)
            return nil
        }
        var inner = FieldReader(json, at: "auth")
        let auth = Auth(header: inner.requiredString("header").lowercased(), prefix: inner.string("prefix") ?? "")
        inner.refuseUnknown()
        fields.add(inner)
        return auth
    }

    private static func extra(_ fields: inout FieldReader, _ dialect: Dialect?) -> Extra {
        guard let json = fields.value("extra_fields") else { return .only(dialect?.extraFields ?? commonExtra) }
        if json == "any" { return .any }
        return .only(Set(fields.strings("extra_fields") ?? []))
    }

    private static func embeddings(_ fields: inout FieldReader) -> Embeddings? {
        guard let name = fields.string("embeddings") else { return nil }
        let kind = Embeddings(rawValue: name)
        if kind == nil { fields.fail("embeddings", "must be one of \(Embeddings.allCases.map(\.rawValue).joined(separator: ", "))") }
        return kind
    }
}

extension VendorDefinition: Codable {
    /// The definition as ``init(parsing:dialects:)`` reads it.
    public var json: JSONValue {
        var json: JSONValue = [
            "id": .string(id), "name": .string(name), "dialect": .string(dialect), "needs_key": .bool(needsKey),
            "model_list_checks_key": .bool(modelListChecksKey), "auth": ["header": .string(auth.header), "prefix": .string(auth.prefix)],
            "headers": .object(headers.mapValues(JSONValue.string)), "renames": .object(renames.mapValues(JSONValue.string)),
            "supports_stream_options": .bool(supportsStreamOptions), "embeddings": .string(embeddings.rawValue),
            "prefers_short_prompts": .bool(prefersShortPrompts), "prices": .array(prices.map(\.json)),
        ]
        json["model_rules"] = .array(
            modelRules.map {
                ["models": .array($0.models.map(JSONValue.string)), "omit": .array($0.omit.sorted().map(JSONValue.string))]
            })
        json["docs"] = docs.map(JSONValue.string)
        json["base_url"] = baseURL.map(JSONValue.string)
        json["allowed_fields"] = allowedFields.map { .array($0.sorted().map(JSONValue.string)) }
        switch extraFields {
        case .any: json["extra_fields"] = "any"
        case .only(let fields): json["extra_fields"] = .array(fields.sorted().map(JSONValue.string))
        }
        if isManaged { json["managed"] = true }
        return json
    }

    public init(from decoder: any Decoder) throws {
        let json = try JSONValue(from: decoder)
        try self.init(json, dialects: Dialect.all, origin: .stored)
    }

    public func encode(to encoder: any Encoder) throws { try json.encode(to: encoder) }
}
