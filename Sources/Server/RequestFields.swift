import Domain
import Foundation
import Hummingbird
import NIOCore
import Providers
import Store

/// What is wrong with a request: the first of it in full, the rest by number, so that a small body never makes a large reply.
struct RequestProblems: Sendable {
    static let limit = 50

    private(set) var listed: [APIError.Detail] = []
    private(set) var unlisted = 0

    var isEmpty: Bool { listed.isEmpty && unlisted == 0 }

    /// The texts are made only where they are told.
    mutating func add(_ problem: @autoclosure () -> APIError.Detail) {
        if listed.count < Self.limit { listed.append(problem()) } else { unlisted += 1 }
    }

    mutating func add(_ others: RequestProblems) {
        let kept = others.listed.prefix(Self.limit - listed.count)
        listed += kept
        unlisted += others.unlisted + others.listed.count - kept.count
    }

    mutating func count(unlisted more: Int) { unlisted += max(0, more) }
}

/// Reads a JSON body field by field and remembers what is wrong with it, so that one
/// reply names every field at once. A field nobody asked for is an error too: it is a typing mistake.
struct RequestFields {
    private let object: [String: JSONValue]
    private let prefix: String
    private var asked: Set<String> = []
    private(set) var problems = RequestProblems()

    init(_ request: Request, context: some RequestContext, limit: BodyLimit = .fields) async throws {
        try self.init(json: await request.wholeBody(upTo: limit))
    }

    /// A request whose body may be left out.
    init(optional request: Request, context: some RequestContext) async throws {
        let buffer = try await request.wholeBody(upTo: .fields)
        if buffer.readableBytes == 0 { self.init([:]) } else { try self.init(json: buffer) }
    }

    private init(json buffer: ByteBuffer) throws {
        guard buffer.readableBytes > 0 else { throw APIError.badRequest("the body is empty; send a JSON object", code: "invalid_json") }
        let value: JSONValue
        do { value = try JSONValue(parsing: buffer) } catch { throw APIError.badRequest("the body is not JSON: \(error)", code: "invalid_json") }
        guard let object = value.objectValue else { throw APIError.badRequest("the body is not a JSON object", code: "invalid_json") }
        self.init(object)
    }

    init(_ object: [String: JSONValue], prefix: String = "") {
        self.object = object
        self.prefix = prefix
    }

    mutating func fail(_ field: String, _ message: String, hint: String? = nil) {
        problems.add(.init(field: prefix + field, code: "invalid", message: message, hint: hint))
    }

    /// Whether the field is there and not null.
    func has(_ field: String) -> Bool { object[field].map { !$0.isNull } ?? false }

    /// Whether the field is there, be it null.
    func mentions(_ field: String) -> Bool { object[field] != nil }

    private mutating func value(_ field: String) -> JSONValue? {
        asked.insert(field)
        guard let value = object[field], !value.isNull else { return nil }
        return value
    }

    /// - Parameters:
    ///   - length: in code points: one visible character may have a thousand.
    ///   - trim: without the white space around it; passwords keep theirs.
    mutating func string(_ field: String, length: ClosedRange<Int> = 0...200, trim: Bool = true) -> String? {
        guard let value = value(field) else { return nil }
        guard let text = value.stringValue else {
            fail(field, "must be text")
            return nil
        }
        // To SQLite a NUL ends the text, to everybody else it does not.
        guard !text.unicodeScalars.contains("\0") else {
            fail(field, "must not hold a NUL character")
            return nil
        }
        let trimmed = trim ? text.trimmingCharacters(in: .whitespacesAndNewlines) : text
        let count = trimmed.unicodeScalars.count
        guard length.contains(count) else {
            fail(
                field,
                count < length.lowerBound
                    ? "must have at least \(length.lowerBound) character\(length.lowerBound == 1 ? "" : "s")"
                    : "must have at most \(length.upperBound) characters")
            return nil
        }
        return trimmed
    }

    mutating func required(_ field: String, length: ClosedRange<Int> = 1...200, trim: Bool = true) -> String {
        if !has(field) {
            asked.insert(field)
            fail(field, "is required")
            return ""
        }
        return string(field, length: length, trim: trim) ?? ""
    }

    /// A text that others read in lists: without characters that cannot be seen.
    mutating func name(_ field: String, length: ClosedRange<Int> = 1...200) -> String? {
        guard let text = string(field, length: length) else { return nil }
        guard let problem = DisplayName.problem(text, length: length) else { return text }
        fail(field, problem)
        return nil
    }

    mutating func requiredName(_ field: String, length: ClosedRange<Int> = 1...200) -> String {
        if !has(field) { return required(field, length: length) }
        return name(field, length: length) ?? ""
    }

    mutating func integer(_ field: String, _ range: ClosedRange<Int>) -> Int? {
        bounded(field, range, "whole number", \.intValue)
    }

    mutating func number(_ field: String, _ range: ClosedRange<Double>) -> Double? {
        bounded(field, range, "number", \.doubleValue)
    }

    private mutating func bounded<N: Comparable>(_ field: String, _ range: ClosedRange<N>, _ kind: String, _ read: (JSONValue) -> N?) -> N? {
        guard let value = value(field) else { return nil }
        guard let number = read(value), range.contains(number) else {
            fail(field, "must be a \(kind) from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    /// Accepts a field without reading it.
    mutating func ignore(_ fields: some Sequence<String>) { asked.formUnion(fields) }

    /// RFC 3339, with or without fractions of a second.
    mutating func time(_ field: String) -> Date? {
        guard let text = string(field, length: 1...64) else { return nil }
        let date = (try? Date(text, strategy: .iso8601)) ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        if date == nil { fail(field, "is no time like 2026-11-25T18:00:00Z") }
        return date
    }

    mutating func bool(_ field: String) -> Bool? {
        guard let value = value(field) else { return nil }
        guard let flag = value.boolValue else {
            fail(field, "must be true or false")
            return nil
        }
        return flag
    }

    mutating func strings(_ field: String, max: Int = 100) -> [String]? {
        guard let value = value(field) else { return nil }
        guard let list = value.arrayValue, list.count <= max, list.allSatisfy({ $0.stringValue != nil }) else {
            fail(field, "must be a list of at most \(max) texts")
            return nil
        }
        return list.compactMap(\.stringValue)
    }

    /// A text, or a list of texts.
    mutating func textOrTexts(_ field: String, max: Int = 100) -> [String]? {
        guard let value = value(field) else { return nil }
        if let text = value.stringValue { return [text] }
        guard value.arrayValue != nil else {
            fail(field, "must be a text or a list of texts")
            return nil
        }
        return strings(field, max: max)
    }

    mutating func objects(_ field: String, max: Int) -> [[String: JSONValue]]? {
        guard let value = value(field) else { return nil }
        guard let list = value.arrayValue, list.count <= max, list.allSatisfy({ $0.objectValue != nil }) else {
            fail(field, "must be a list of at most \(max) objects")
            return nil
        }
        return list.compactMap(\.objectValue)
    }

    mutating func choice<T: RawRepresentable & CaseIterable>(_ field: String, _ type: T.Type) -> T? where T.RawValue == String {
        choice(field, T.allCases.map(\.rawValue)).flatMap(T.init)
    }

    /// One of `known`.
    mutating func choice(_ field: String, _ known: [String]) -> String? {
        guard let value = value(field) else { return nil }
        guard let choice = value.stringValue, known.contains(choice) else {
            fail(field, "must be one of \(known.joined(separator: ", "))")
            return nil
        }
        return choice
    }

    /// Reads an object within the object; its problems join this one's.
    mutating func nested(_ field: String, _ body: (inout RequestFields) -> Void) {
        guard let value = value(field) else { return }
        guard let object = value.objectValue else { return fail(field, "must be an object") }
        var inner = RequestFields(object, prefix: "\(prefix)\(field).")
        body(&inner)
        problems.add(inner.remaining())
    }

    /// Everything that was wrong, unknown fields included.
    func remaining() -> RequestProblems {
        var all = problems
        let unknown = object.keys.filter { !asked.contains($0) }
        // The known ones are told once.
        for (place, name) in unknown.least(RequestProblems.limit).enumerated() {
            all.add(
                .init(
                    field: prefix + name, code: "unknown_field", message: "is not a field of this request",
                    hint: place == 0 ? "known here: \(asked.sorted().joined(separator: ", "))" : nil))
        }
        all.count(unlisted: unknown.count - RequestProblems.limit)
        return all
    }

    /// Takes over what an entry of a list found wrong.
    mutating func adopt(_ inner: RequestFields) { problems.add(inner.remaining()) }

    func finish() throws {
        let all = remaining()
        if !all.isEmpty { throw APIError.invalid(all.listed, unlisted: all.unlisted) }
    }
}

extension RequestFields: SettingSource {
    /// Takes over what the request says of a group of settings; the rest stays.
    mutating func read<Group: SettingGroup>(into group: inout Group) {
        var source: any SettingSource = self
        group.read(&source)
        self = source as! Self
    }
}
