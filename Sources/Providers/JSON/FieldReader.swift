/// Reads the members of one JSON object and notes what is missing, of the wrong kind or unknown.
struct FieldReader {
    private let members: [String: JSONValue]
    /// Prepended to field names in problems.
    private let path: String
    private var read: Set<String> = []
    private(set) var problems: [DataProblem] = []

    init(_ json: JSONValue, at path: String = "") {
        self.path = path
        members = json.objectValue ?? [:]
        if json.objectValue == nil { problems.append(DataProblem(path.isEmpty ? "body" : path, "must be a JSON object")) }
    }

    mutating func fail(_ name: String, _ message: String) {
        problems.append(DataProblem(path.isEmpty ? name : "\(path).\(name)", message))
    }

    mutating func add(_ more: [DataProblem]) { problems += more }

    /// The member, `nil` where it is absent or null.
    mutating func value(_ name: String) -> JSONValue? {
        read.insert(name)
        // Not in a closure with a `?:`, where `nil` would be read as the JSON null.
        guard let value = members[name], !value.isNull else { return nil }
        return value
    }

    mutating func string(_ name: String) -> String? { of("text", name, \.stringValue) }
    mutating func bool(_ name: String) -> Bool? { of("true or false", name, \.boolValue) }
    mutating func number(_ name: String) -> Double? { of("a number", name, \.doubleValue) }

    mutating func requiredString(_ name: String) -> String {
        let text = string(name)
        if text == nil, members[name] ?? .null == .null { fail(name, "is required") }
        return text ?? ""
    }

    mutating func strings(_ name: String) -> [String]? {
        of("a list of texts", name) { json in
            let texts = json.arrayValue?.compactMap(\.stringValue)
            return texts?.count == json.arrayValue?.count ? texts : nil
        }
    }

    mutating func requiredStrings(_ name: String) -> [String] {
        let texts = strings(name)
        if texts == nil, members[name] ?? .null == .null { fail(name, "is required") }
        return texts ?? []
    }

    mutating func stringMap(_ name: String) -> [String: String]? {
        of("an object of texts", name) { json in
            let texts = json.objectValue?.compactMapValues(\.stringValue)
            return texts?.count == json.objectValue?.count ? texts : nil
        }
    }

    mutating func list(_ name: String) -> [JSONValue]? { of("a list", name, \.arrayValue) }

    /// Notes every member that was not asked for. Call last.
    mutating func refuseUnknown() {
        for name in members.keys.sorted() where !read.contains(name) {
            fail(name, "is not a field here; known: \(read.sorted().joined(separator: ", "))")
        }
    }

    private mutating func of<Value>(_ kind: String, _ name: String, _ cast: (JSONValue) -> Value?) -> Value? {
        guard let json = value(name) else { return nil }
        let value = cast(json)
        if value == nil { fail(name, "must be \(kind)") }
        return value
    }
}
