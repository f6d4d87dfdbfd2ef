import Foundation

/// A provider's key, without the key: only its last four characters leave the vault.
public struct ProviderKey: Sendable, Encodable, Identifiable, Equatable {
    public var id: String
    public var provider: String
    public var keyHint: String
    public var baseURL: String?
    public var isActive: Bool
    public var createdAt: Date
    public var updatedAt: Date

    init(row: Row) throws {
        id = try row.text("id")
        provider = try row.text("provider")
        keyHint = try row.text("key_hint")
        baseURL = try row.optionalText("base_url")
        isActive = try row.bool("is_active")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}

/// A key opened for one call.
public struct OpenedKey: Sendable {
    public var id: String
    public var key: String
    public var baseURL: String?
}
