/// Reads the members of one JSON object and notes what is missing, of the wrong kind or unknown.
package struct FieldReader {
    private let members: [String: JSONValue]
    /// Prepended to field names in problems.
    private let path: String
    private var read: Set<String> = []
    /// The first of them, a bound for what a small text can make.
    package private(set) var problems: [DataProblem] = []
    /// How many there are beside those.
    package private(set) var unlisted = 0

    package init(_ json: JSONValue, at path: String = "") {
        self.path = path
        members = json.objectValue ?? [:]
        if json.objectValue == nil { problems.append(DataProblem(path.isEmpty ? "body" : path, "must be a JSON object")) }
    }

    package mutating func fail(_ name: String, _ message: String) {
        guard problems.count < DataProblems.limit else {
            unlisted += 1
            return
        }
        problems.append(DataProblem(path.isEmpty ? name : "\(path).\(name)", message))
    }

    package mutating func add(_ more: [DataProblem], unlisted: Int = 0) {
        let kept = more.prefix(DataProblems.limit - problems.count)
        problems += kept
        self.unlisted += unlisted + more.count - kept.count
    }

    package mutating func add(_ inner: FieldReader) { add(inner.problems, unlisted: inner.unlisted) }

    /// The member, `nil` where it is absent or null.
    package mutating func value(_ name: String) -> JSONValue? {
        read.insert(name)
        // Not in a closure with a `?:`, where `nil` would be read as the JSON null.
        guard let value = members[name], !value.isNull else { return nil }
        return value
    }

    package mutating func string(_ name: String) -> String? { of("text", name, \.stringValue) }
    package mutating func bool(_ name: String) -> Bool? { of("true or false", name, \.boolValue) }
    package mutating func number(_ name: String) -> Double? { of("a number", name, \.doubleValue) }

    package mutating func requiredString(_ name: String) -> String {
        let text = string(name)
        if text == nil, members[name] ?? .null == .null { fail(name, "is required") }
        return text ?? ""
    }

    package mutating func strings(_ name: String) -> [String]? {
        of("a list of texts", name) { json in
            let texts = json.arrayValue?.compactMap(\.stringValue)
            return texts?.count == json.arrayValue?.count ? texts : nil
        }
    }

    package mutating func requiredStrings(_ name: String) -> [String] {
        let texts = strings(name)
        if texts == nil, members[name] ?? .null == .null { fail(name, "is required") }
        return texts ?? []
    }

    package mutating func stringMap(_ name: String) -> [String: String]? {
        of("an object of texts", name) { json in
            let texts = json.objectValue?.compactMapValues(\.stringValue)
            return texts?.count == json.objectValue?.count ? texts : nil
        }
    }

    package mutating func list(_ name: String) -> [JSONValue]? { of("a list", name, \.arrayValue) }

    /// Notes every member that was not asked for. Call last.
    package mutating func refuseUnknown() {
        let unknown = members.keys.filter { !read.contains($0) }
        // Sorted before they are cut, so that the same text has the same problems. The known ones are said once.
        let known = read.sorted().joined(separator: ", ")
        for (place, name) in unknown.least(DataProblems.limit).enumerated() {
            fail(name, place == 0 ? "is not a field here; known: \(known)" : "is not a field here")
        }
        unlisted += max(0, unknown.count - DataProblems.limit)
    }

    private mutating func of<Value>(_ kind: String, _ name: String, _ cast: (JSONValue) -> Value?) -> Value? {
        guard let json = value(name) else { return nil }
        let value = cast(json)
        if value == nil { fail(name, "must be \(kind)") }
        return value
    }
}

extension Sequence where Element: Comparable {
    /// The `count` smallest in order, without sorting all there are.
    public func least(_ count: Int) -> [Element] {
        var kept: [Element] = []
        guard count > 0 else { return kept }
        for element in self where kept.count < count || element < kept[kept.count - 1] {
            let place = kept.firstIndex { element < $0 } ?? kept.count
            kept.insert(element, at: place)
            if kept.count > count { kept.removeLast() }
        }
        return kept
    }
}
