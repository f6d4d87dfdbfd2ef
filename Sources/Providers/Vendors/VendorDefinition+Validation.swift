import Foundation

extension VendorDefinition {
    /// Where a definition comes from.
    enum Origin {
        case builtIn
        case user
        /// Checked when it came. A vendor that this server has learned since may bear its id.
        case stored
    }

    /// Everything wrong with a user's definition; empty where it can be used. Pure: whether the server
    /// may reach the address is ``AddressPolicy``'s to say.
    public func validate(dialects: [Dialect] = Dialect.all) -> [Problem] { validate(dialects: dialects, origin: .user) }

    func validate(dialects: [Dialect], origin: Origin) -> [Problem] {
        var problems: [Problem] = []
        func check(_ isRight: Bool, _ field: String, _ message: @autoclosure () -> String) {
            if !isRight { problems.append(Problem(field, message())) }
        }
        check(
            id.wholeMatch(of: /[a-z0-9][a-z0-9_\-]{1,39}/) != nil, "id",
            "must be 2 to 40 lower-case letters, digits, - or _, and begin with a letter or digit")
        check(origin != .user || !VendorCatalog.ids.contains(id), "id", "\(id) is a provider of this server already; choose another id")
        check(origin == .builtIn || !isManaged, "managed", "may not be set: only this server runs managed providers")
        // One that is stored was counted in visible characters once.
        let length = origin == .user ? name.unicodeScalars.count : name.count
        check((1...80).contains(length) && name.allSatisfy { !$0.isNewline }, "name", "must be one line of 1 to 80 characters")
        if let baseURL, let problem = UpstreamURL.problem(baseURL) { problems.append(Problem("base_url", problem)) }
        check(origin == .builtIn || baseURL != nil, "base_url", "is required")
        if let docs { check(UpstreamURL.problem(docs) == nil && docs.utf8.count <= 500, "docs", "must be an http or https URL") }

        let dialect = dialects.first { $0.name == self.dialect }
        check(dialect != nil, "dialect", "unknown dialect \"\(self.dialect.prefix(40))\"; known: \(dialects.map(\.name).joined(separator: ", "))")
        check(
            dialect?.embeddings.contains(embeddings) ?? true, "embeddings",
            "\(embeddings.rawValue) is not of the dialect \(self.dialect); it has \(dialect?.embeddings.map(\.rawValue).joined(separator: ", ") ?? "")"
        )
        check(dialect?.takesRenames ?? true || renames.isEmpty, "renames", "the dialect \(self.dialect) has names of its own")
        problems += fieldProblems() + headerProblems(origin)
        for (index, price) in prices.enumerated() {
            problems += price.problems(at: "prices[\(index)]")
            check(price.provider == id, "prices[\(index)].provider", "must be \(id.prefix(40))")
        }
        return problems
    }

    private func fieldProblems() -> [Problem] {
        var problems: [Problem] = []
        for field in (allowedFields ?? []).sorted() where !Self.standardFields.contains(field) {
            problems.append(
                Problem(
                    "allowed_fields",
                    "\"\(field.prefix(60))\" is not one of \(Self.standardFields.sorted().joined(separator: ", ")); other fields belong into extra_fields"
                ))
        }
        if case .only(let fields) = extraFields {
            for field in fields.sorted() where !Self.isFieldName(field) || Self.reservedFields.contains(field) || Self.standardFields.contains(field)
            {
                problems.append(Problem("extra_fields", "\"\(field.prefix(60))\" may not be named here"))
            }
        }
        // Only hints may be left out in silence; the rest decides what kind of reply comes.
        let decisive: Set<String> = ["tools", "tool_choice", "response_format"]
        for (index, rule) in modelRules.enumerated() {
            for field in rule.omit.sorted() where !Self.isFieldName(field) || Self.reservedFields.contains(field) || decisive.contains(field) {
                problems.append(Problem("model_rules[\(index)].omit", "\"\(field.prefix(60))\" cannot be left out"))
            }
        }
        for (field, name) in renames.sorted(by: { $0.key < $1.key }) {
            if Self.reservedFields.contains(field) || field == Self.messageName || !Self.isFieldName(field) {
                problems.append(Problem("renames.\(field.prefix(60))", "this field cannot be renamed"))
            } else if !Self.isFieldName(name) || Self.reservedFields.contains(name) {
                problems.append(Problem("renames.\(field)", "\"\(name.prefix(60))\" cannot be a field's name here"))
            }
        }
        if Set(renames.values).count < renames.count { problems.append(Problem("renames", "two fields have the same new name")) }
        return problems
    }

    /// Fields that the transport sets, or that would change where and how the message goes.
    private static let untouchable: Set<String> = [
        "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
        "expect", "accept", "accept-encoding", "user-agent", "cookie", "forwarded", "via",
    ]

    /// The server's own entry for llama.cpp may say `connection: close`: that server hangs up after a streamed
    /// reply although it announces keep-alive, and the next request would meet the closing connection.
    private func headerProblems(_ origin: Origin) -> [Problem] {
        var problems: [Problem] = []
        func check(_ name: String, _ field: String) {
            let name = name.lowercased()
            if name.wholeMatch(of: /[a-z0-9!#$%&'*+\-.^_`|~]{1,64}/) == nil {
                problems.append(Problem(field, "\"\(name.prefix(64))\" is not a header name"))
            } else if origin != .builtIn,
                Self.untouchable.contains(name) || name.hasPrefix("proxy-") || name.hasPrefix("x-forwarded-")
            {
                problems.append(Problem(field, "the header \(name) may not be set"))
            }
        }
        func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && text.utf8.count <= 500 }
        check(auth.header, "auth.header")
        if !isPlain(auth.prefix) || auth.prefix.count > 40 { problems.append(Problem("auth.prefix", "must be at most 40 plain characters")) }
        if headers.count > 20 { problems.append(Problem("headers", "at most 20")) }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            check(name, "headers.\(name.prefix(64))")
            if ["authorization", "x-api-key", "api-key", auth.header].contains(name.lowercased()) {
                problems.append(Problem("headers.\(name)", "a key does not belong here: store it as the provider's key; auth says how it travels"))
            }
            if !isPlain(value) { problems.append(Problem("headers.\(name.prefix(64))", "must be one line of plain characters, at most 500")) }
        }
        return problems
    }

    private static func isFieldName(_ name: String) -> Bool { name.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_.\-]{0,63}/) != nil }
}
