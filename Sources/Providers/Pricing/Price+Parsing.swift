import Domain

extension Price {
    /// Reads one entry of a price list. What is missing or wrong is in the problems; the price is then not to be used.
    /// - Parameter provider: whose definition carries the entry; such an entry names no provider and
    ///   need not say when and where its price was read.
    static func read(_ json: JSONValue, provider: String? = nil, at path: String) -> (Price, [DataProblem], unlisted: Int) {
        var fields = FieldReader(json, at: path)
        func amount(_ name: String, isRequired: Bool = false) -> Double? {
            let value = fields.number(name)
            if isRequired, value == nil, json[name] ?? .null == .null { fields.fail(name, "is required: US dollars per million tokens") }
            return value
        }
        let isOwn = provider != nil
        let price = Price(
            provider: provider.map { fields.string("provider") ?? $0 } ?? fields.requiredString("provider"), model: fields.string("model"),
            input: amount("input", isRequired: true) ?? 0, cachedInput: amount("cached_input"), cacheWrite: amount("cache_write"),
            output: amount("output", isRequired: true) ?? 0, asOf: isOwn ? fields.string("as_of") ?? "" : fields.requiredString("as_of"),
            source: isOwn ? fields.string("source") ?? "own" : fields.requiredString("source"))
        fields.refuseUnknown()
        // A definition's prices are checked with the definition.
        return (price, fields.problems + (isOwn ? [] : price.problems(at: path)), fields.unlisted)
    }

    /// Whatever makes the price unusable.
    func problems(at path: String) -> [DataProblem] {
        var problems: [DataProblem] = []
        for (name, value) in [("input", input), ("cached_input", cachedInput), ("cache_write", cacheWrite), ("output", output)] {
            guard let value, !(0...1_000_000).contains(value) else { continue }
            problems.append(DataProblem("\(path).\(name)", "must be from 0 to 1,000,000 US dollars per million tokens"))
        }
        if let model, model.isEmpty || model.unicodeScalars.count > 200 {
            problems.append(DataProblem("\(path).model", "must be 1 to 200 characters"))
        }
        if !asOf.isEmpty, asOf.wholeMatch(of: /20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])/) == nil {
            problems.append(DataProblem("\(path).as_of", "must be a day, YYYY-MM-DD"))
        }
        return problems
    }

    /// The entry as ``read(_:provider:at:)`` takes it.
    var json: JSONValue {
        var json: JSONValue = ["provider": .string(provider), "input": .double(input), "output": .double(output), "source": .string(source)]
        json["model"] = model.map(JSONValue.string)
        json["cached_input"] = cachedInput.map(JSONValue.double)
        json["cache_write"] = cacheWrite.map(JSONValue.double)
        if !asOf.isEmpty { json["as_of"] = .string(asOf) }
        return json
    }
}
