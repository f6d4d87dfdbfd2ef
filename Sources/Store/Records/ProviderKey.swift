import Foundation

/// A provider's key, without the key: only its last four characters leave the vault. A user may have
/// several for one provider, each with a label of its own.
public struct ProviderKey: Sendable, Encodable, Identifiable, Equatable {
    /// The label of a key that was given none.
    public static let defaultLabel = "default"

    public var id: String
    public var provider: String
    /// Unique among the user's keys for the provider.
    public var label: String
    public var keyHint: String
    public var baseURL: String?
    public var isActive: Bool
    /// Share of the requests among the active keys of the provider, relative to the other weights.
    public var weight: Double
    /// Most requests under way with this key at any time; absent for no limit.
    public var maxConcurrent: Int?
    /// What this key's account pays, in place of the price table.
    public var prices: [ModelPrice]
    /// `ok`, `unchecked` (the address answered, nothing proved the key) or the kind of failure; absent
    /// where the key as it is now was never tried.
    public var testOutcome: String?
    public var testMessage: String?
    public var testedAt: Date?
    public var createdAt: Date
    public var updatedAt: Date

    /// The part a user writes.
    public var settings: ProviderKeySettings {
        ProviderKeySettings(
            label: label, baseURL: baseURL, isActive: isActive, weight: weight, maxConcurrent: maxConcurrent, prices: prices)
    }

    /// What stands in for a column that cannot be read, until its user writes the key anew.
    static var standIns: [String: SQLValue] {
        [
            "is_active": 0, "weight": 1, "max_concurrent": nil, "prices": "[]", "tested_at": nil, "created_at": SQLValue(Date()),
            "updated_at": SQLValue(Date()),
        ]
    }

    init(row: Row) throws {
        id = try row.text("id")
        provider = try row.text("provider")
        label = try row.text("label")
        keyHint = try row.text("key_hint")
        baseURL = try row.optionalText("base_url")
        isActive = try row.bool("is_active")
        weight = try row.double("weight")
        maxConcurrent = try row.optionalInt("max_concurrent")
        prices = try row.json("prices")
        testOutcome = try row.optionalText("test_outcome")
        testMessage = try row.optionalText("test_message")
        testedAt = try row.optionalDate("tested_at")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}

/// What a user decides about a key, beside the key itself.
public struct ProviderKeySettings: Sendable, Equatable {
    public var label: String
    public var baseURL: String?
    public var isActive: Bool
    /// Above 0.
    public var weight: Double
    /// 1 or more.
    public var maxConcurrent: Int?
    public var prices: [ModelPrice]

    public init(
        label: String = ProviderKey.defaultLabel, baseURL: String? = nil, isActive: Bool = true, weight: Double = 1, maxConcurrent: Int? = nil,
        prices: [ModelPrice] = []
    ) {
        self.label = label
        self.baseURL = baseURL
        self.isActive = isActive
        self.weight = weight
        self.maxConcurrent = maxConcurrent
        self.prices = prices
    }
}

/// What a user pays for a model, in US dollars per million tokens.
public struct ModelPrice: Sendable, Codable, Equatable {
    /// Absent for every model of the provider that has no entry of its own.
    public var model: String?
    public var input: Double
    /// Absent where it costs as much as other input.
    public var cachedInput: Double?
    public var cacheWrite: Double?
    public var output: Double

    enum CodingKeys: String, CodingKey {
        case model, input, output
        case cachedInput = "cached_input"
        case cacheWrite = "cache_write"
    }

    public init(model: String?, input: Double, cachedInput: Double? = nil, cacheWrite: Double? = nil, output: Double) {
        self.model = model
        self.input = input
        self.cachedInput = cachedInput
        self.cacheWrite = cacheWrite
        self.output = output
    }
}

/// What trying a key found.
public struct KeyTest: Sendable, Equatable {
    public var outcome: String
    /// For people, without secrets.
    public var message: String
    public var at: Date

    public init(outcome: String, message: String, at: Date = Date()) {
        self.outcome = outcome
        self.message = message
        self.at = at
    }
}

/// A key opened for one call.
public struct OpenedKey: Sendable {
    public var id: String
    public var key: String
    public var baseURL: String?
    public var weight: Double
    public var maxConcurrent: Int?
    public var prices: [ModelPrice]
}
