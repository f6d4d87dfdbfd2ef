/// Settings that are declared once: a property with its default, and a line in ``settings``. Requests, rows and imports are read by that
/// line, rows and the trainer's input are written by it, and a test holds openapi against it.
public protocol SettingGroup: Sendable, Codable, Equatable {
    /// With every default.
    init()
    static var settings: [Setting<Self>] { get }
}

/// One setting of a group.
public struct Setting<Group: Sendable>: Sendable {
    /// As in JSON.
    public let key: String
    public let kind: SettingKind
    /// In one line, for people.
    public let meaning: String
    /// What a request writes to take an optional value away; nil where there is always one.
    public let absence: SettingAbsence?
    let decode: @Sendable (BoundedFields<SettingKey>, inout Group) throws -> Void
    let encode: @Sendable (Group, inout KeyedEncodingContainer<SettingKey>) throws -> Void
    /// Nil where it is no single value, and its request is read apart.
    fileprivate let read: (@Sendable (inout any SettingSource, inout Group) -> Void)?
}

/// What a setting may be.
public enum SettingKind: Sendable, Equatable {
    case flag
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case choice([String])
    /// The most code points.
    case text(atMost: Int)
    /// An object or a list, described where its type is.
    case object
}

/// How a request says that there is to be no value.
public enum SettingAbsence: Sendable, Equatable {
    case null, zero, empty
}

/// Where the settings of a request stand. What is out of bounds is noted there.
public protocol SettingSource {
    mutating func bool(_ key: String) -> Bool?
    mutating func integer(_ key: String, _ range: ClosedRange<Int>) -> Int?
    mutating func number(_ key: String, _ range: ClosedRange<Double>) -> Double?
    mutating func choice(_ key: String, _ known: [String]) -> String?
    mutating func name(_ key: String, length: ClosedRange<Int>) -> String?
    /// Whether it is there, be it as null.
    func mentions(_ key: String) -> Bool
}

/// A key that is known when the program runs.
public struct SettingKey: CodingKey, Sendable {
    public let stringValue: String
    public var intValue: Int? { nil }

    public init(stringValue: String) { self.stringValue = stringValue }
    public init?(intValue: Int) { nil }
}

public typealias SettingPath<Group, Value> = WritableKeyPath<Group, Value> & Sendable

extension Setting {
    public static func flag(_ key: String, _ path: SettingPath<Group, Bool>, _ meaning: String) -> Self {
        plain(key, path, .flag, meaning) {
            try $0.value($1)
        } from: {
            $0.bool(key)
        }
    }

    /// Whose default is decided elsewhere where it is absent.
    public static func flag(_ key: String, _ path: SettingPath<Group, Bool?>, _ meaning: String) -> Self {
        Setting(
            key: key, kind: .flag, meaning: meaning, absence: nil, decode: { $1[keyPath: path] = try $0.value(SettingKey(stringValue: key)) },
            encode: { try $1.encodeIfPresent($0[keyPath: path], forKey: SettingKey(stringValue: key)) },
            read: { if let value = $0.bool(key) { $1[keyPath: path] = value } })
    }

    public static func integer(_ key: String, _ path: SettingPath<Group, Int>, _ range: ClosedRange<Int>, _ meaning: String) -> Self {
        plain(key, path, .integer(range), meaning) {
            try $0.number($1, range)
        } from: {
            $0.integer(key, range)
        }
    }

    public static func number(_ key: String, _ path: SettingPath<Group, Double>, _ range: ClosedRange<Double>, _ meaning: String) -> Self {
        plain(key, path, .number(range), meaning) {
            try $0.number($1, range)
        } from: {
            $0.number(key, range)
        }
    }

    public static func integer(
        _ key: String, _ path: SettingPath<Group, Int?>, _ range: ClosedRange<Int>, absentAs absence: SettingAbsence = .null, _ meaning: String
    ) -> Self {
        optional(key, path, .integer(range), absence, meaning) {
            try $0.number($1, range)
        } from: { source in
            guard absence == .zero else { return .some(source.integer(key, range)) }
            return source.integer(key, 0...range.upperBound).map { $0 == 0 ? nil : $0 }
        }
    }

    public static func number(_ key: String, _ path: SettingPath<Group, Double?>, _ range: ClosedRange<Double>, _ meaning: String) -> Self {
        optional(key, path, .number(range), .null, meaning) {
            try $0.number($1, range)
        } from: {
            .some($0.number(key, range))
        }
    }

    public static func choice<Choice: RawRepresentable<String> & CaseIterable & Codable & Sendable>(
        _ key: String, _ path: SettingPath<Group, Choice>, _ meaning: String
    ) -> Self {
        let known = Choice.allCases.map(\.rawValue)
        return plain(key, path, .choice(known), meaning) {
            try $0.value($1)
        } from: {
            $0.choice(key, known).flatMap(Choice.init)
        }
    }

    public static func text(
        _ key: String, _ path: SettingPath<Group, String?>, atMost length: Int, absentAs absence: SettingAbsence, _ meaning: String
    ) -> Self {
        optional(key, path, .text(atMost: length), absence, meaning) {
            try $0.text($1, atMost: length)
        } from: { source in
            guard absence == .empty else { return .some(source.name(key, length: 1...length)) }
            return source.name(key, length: 0...length).map { $0.isEmpty ? nil : $0 }
        }
    }

    /// A value that is no single one; whoever reads a request reads it apart.
    public static func object<Value: Codable & Sendable>(_ key: String, _ path: SettingPath<Group, Value>, _ meaning: String) -> Self {
        Setting(
            key: key, kind: .object, meaning: meaning, absence: nil,
            decode: { fields, group in
                if let value = try fields.value(SettingKey(stringValue: key), as: Value.self) { group[keyPath: path] = value }
            },
            encode: { try $1.encode($0[keyPath: path], forKey: SettingKey(stringValue: key)) }, read: nil)
    }

    /// The same where there may be none.
    public static func object<Value: Codable & Sendable>(_ key: String, _ path: SettingPath<Group, Value?>, _ meaning: String) -> Self {
        Setting(
            key: key, kind: .object, meaning: meaning, absence: nil,
            decode: { $1[keyPath: path] = try $0.value(SettingKey(stringValue: key)) },
            encode: { try $1.encodeIfPresent($0[keyPath: path], forKey: SettingKey(stringValue: key)) }, read: nil)
    }

    private static func plain<Value: Encodable & Sendable>(
        _ key: String, _ path: SettingPath<Group, Value>, _ kind: SettingKind, _ meaning: String,
        decode: @escaping @Sendable (BoundedFields<SettingKey>, SettingKey) throws -> Value?,
        from read: @escaping @Sendable (inout any SettingSource) -> Value?
    ) -> Self {
        Setting(
            key: key, kind: kind, meaning: meaning, absence: nil,
            decode: { fields, group in if let value = try decode(fields, SettingKey(stringValue: key)) { group[keyPath: path] = value } },
            encode: { try $1.encode($0[keyPath: path], forKey: SettingKey(stringValue: key)) },
            read: { source, group in if let value = read(&source) { group[keyPath: path] = value } })
    }

    private static func optional<Value: Encodable & Sendable>(
        _ key: String, _ path: SettingPath<Group, Value?>, _ kind: SettingKind, _ absence: SettingAbsence, _ meaning: String,
        decode: @escaping @Sendable (BoundedFields<SettingKey>, SettingKey) throws -> Value?,
        // - Returns: nil where the request has none; a nil value where it takes the value away.
        from read: @escaping @Sendable (inout any SettingSource) -> Value??
    ) -> Self {
        Setting(
            key: key, kind: kind, meaning: meaning, absence: absence,
            decode: { $1[keyPath: path] = try decode($0, SettingKey(stringValue: key)) },
            encode: { try $1.encodeIfPresent($0[keyPath: path], forKey: SettingKey(stringValue: key)) },
            read: { source, group in
                // Read in any case: what is read is what the request may hold.
                if let value = read(&source), absence != .null || source.mentions(key) { group[keyPath: path] = value }
            })
    }
}

extension SettingGroup {
    /// Reads settings that were written before one was there: it has its default.
    public init(from decoder: any Decoder) throws {
        let fields = try BoundedFields(decoder, keyedBy: SettingKey.self)
        self.init()
        for setting in Self.settings { try setting.decode(fields, &self) }
    }

    public func encode(to encoder: any Encoder) throws { try encode(Self.settings, to: encoder) }

    /// Writes some of the settings.
    package func encode(_ settings: [Setting<Self>], to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: SettingKey.self)
        for setting in settings { try setting.encode(self, &fields) }
    }

    /// Takes over what a request says of them; what it does not mention stays.
    public mutating func read(_ source: inout any SettingSource) {
        for setting in Self.settings { setting.read?(&source, &self) }
    }
}
