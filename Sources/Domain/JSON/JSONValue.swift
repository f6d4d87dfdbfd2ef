/// Any JSON value. Vendors' requests and replies are built from and read as this type, so an
/// unknown field never breaks decoding.
///
/// A number written without a fraction that fits in `Int` is `.int`; every other number is
/// `.double`. `true` is never a number and `1` is never a boolean.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])
}

extension JSONValue {
    /// The member named `key`; `nil` for a missing member and for anything but an object.
    /// Setting `nil` removes the member; setting on anything but an object does nothing.
    public subscript(key: String) -> JSONValue? {
        get { if case .object(let members) = self { members[key] } else { nil } }
        set {
            guard case .object(var members) = self else { return }
            self = .null  // The members are held once while they are written to.
            members[key] = newValue
            self = .object(members)
        }
    }

    /// The element at `index`; `nil` outside the bounds and for anything but an array.
    public subscript(index: Int) -> JSONValue? {
        if case .array(let elements) = self, elements.indices.contains(index) { elements[index] } else { nil }
    }

    public var isNull: Bool { self == .null }
    public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
    public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    public var objectValue: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }

    /// The number as an integer; a `.double` only where it is integral and fits.
    public var intValue: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    public var doubleValue: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
}
