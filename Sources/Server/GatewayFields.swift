import Domain
import Hummingbird
import Providers

/// Reads the fields of a vendor's request form one by one and remembers what is wrong; the first, by
/// name, is told in the vendor's words. Made for a `switch` over the fields, so that each is either
/// read, passed on, or refused by its name.
struct GatewayFields {
    /// The first by name: only that is told.
    private var problem: APIError.Detail?

    /// The value cannot be used.
    mutating func invalid(_ field: String, _ message: String) { note(field, "invalid_value") { "Invalid '\($0)': \(message)" } }

    /// The field, or this use of it, is nothing a minion can honour.
    mutating func unsupported(_ field: String, _ why: String = "is not supported by a minion") {
        note(field, "unsupported_parameter") { "Unsupported parameter: '\($0)' \(why)." }
    }

    private mutating func note(_ field: String, _ code: String, _ message: (String) -> String) {
        if let known = problem?.field, known <= field { return }
        problem = .init(field: field, code: code, message: message(field.shortened(to: APIError.maxField)))
    }

    mutating func missing(_ field: String) { invalid(field, "is required") }

    mutating func text(_ field: String, _ value: JSONValue, _ length: ClosedRange<Int> = 0...200) -> String? {
        guard let text = value.stringValue, length.contains(text.unicodeScalars.count) else {
            invalid(field, length.upperBound == .max ? "must be text" : "must be text of \(length.lowerBound) to \(length.upperBound) characters")
            return nil
        }
        return text
    }

    mutating func number(_ field: String, _ value: JSONValue, _ range: ClosedRange<Double>) -> Double? {
        guard let number = value.doubleValue, range.contains(number) else {
            invalid(field, "must be a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    mutating func integer(_ field: String, _ value: JSONValue, _ range: ClosedRange<Int>) -> Int? {
        guard let number = value.intValue, range.contains(number) else {
            invalid(field, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    mutating func bool(_ field: String, _ value: JSONValue) -> Bool? {
        if value.boolValue == nil { invalid(field, "must be true or false") }
        return value.boolValue
    }

    /// A field of an object that may be absent or null.
    mutating func flag(_ field: String, in object: [String: JSONValue], prefix: String) -> Bool? {
        guard let value = object[field], !value.isNull else { return nil }
        return bool(prefix + field, value)
    }

    mutating func object(_ field: String, _ value: JSONValue) -> [String: JSONValue]? {
        if value.objectValue == nil { invalid(field, "must be an object") }
        return value.objectValue
    }

    mutating func strings(_ field: String, _ value: JSONValue, max: Int) -> [String]? {
        guard let list = value.arrayValue, list.count <= max, list.allSatisfy({ $0.stringValue != nil }) else {
            invalid(field, "must be a list of at most \(max) texts")
            return nil
        }
        return list.compactMap(\.stringValue)
    }

    mutating func objects(_ field: String, _ value: JSONValue, _ count: ClosedRange<Int>) -> [[String: JSONValue]] {
        guard let list = value.arrayValue, count.contains(list.count), list.allSatisfy({ $0.objectValue != nil }) else {
            invalid(field, "must be a list of \(count.lowerBound) to \(count.upperBound) objects")
            return []
        }
        return list.compactMap(\.objectValue)
    }

    /// Refuses the fields of `object` that `known` does not name, but for nulls, which mean nothing.
    mutating func only(_ known: Set<String>, in object: [String: JSONValue], prefix: String) {
        for (field, value) in object where !known.contains(field) && !value.isNull { unsupported("\(prefix)\(field)") }
    }

    /// - Throws: ``APIError`` of status 400 with the first problem.
    func finish() throws {
        guard let first = problem else { return }
        throw APIError(status: .badRequest, code: first.code ?? "invalid_value", message: first.message ?? "", details: [first])
    }
}

extension Request {
    /// The body as a JSON object.
    /// - Throws: ``APIError``.
    func gatewayObject() async throws -> [String: JSONValue] {
        let buffer = try await wholeBody(upTo: .conversation)
        let value: JSONValue
        do { value = try JSONValue(parsing: buffer) } catch {
            throw APIError.badRequest("We could not parse the JSON body of your request: \(error).", code: "invalid_json")
        }
        guard let object = value.objectValue else {
            throw APIError.badRequest("We could not parse the JSON body of your request: it is not an object.", code: "invalid_json")
        }
        return object
    }
}
