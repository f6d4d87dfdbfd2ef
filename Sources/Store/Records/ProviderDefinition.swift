import Foundation

/// A provider that somebody described in JSON instead of code.
public struct ProviderDefinition: Sendable, Encodable, Identifiable, Equatable {
    public var id: String
    /// Absent where it is everybody's.
    public var userID: String?
    /// The provider's id, as minions and keys name it.
    public var provider: String
    /// The JSON as it was checked.
    public var definition: String
    public var createdAt: Date
    public var updatedAt: Date

    /// What stands in for a column that cannot be read, until the definition is written anew.
    static var standIns: [String: SQLValue] { ["definition": "{}", "created_at": SQLValue(Date()), "updated_at": SQLValue(Date())] }

    init(row: Row) throws {
        id = try row.text("id")
        userID = try row.optionalText("user_id")
        provider = try row.text("provider")
        definition = try row.jsonText("definition")
        createdAt = try row.date("created_at")
        updatedAt = try row.date("updated_at")
    }
}
