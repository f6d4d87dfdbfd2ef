import Domain
import Foundation

/// A person with an account.
public struct User: Sendable, Encodable, Identifiable, Equatable {
    public enum Role: String, Sendable, Codable { case user, superuser }
    public var id: String
    public var email: String
    public var name: String
    public var role: Role
    public var isActive: Bool
    public var createdAt: Date

    /// Whether a text can be somebody's e-mail address; whether it exists only a mail would tell.
    public static func isAddress(_ text: String) -> Bool {
        text.utf8.count <= 254 && text.wholeMatch(of: /[^@\s]+@[^@\s]+/) != nil && DisplayName.problem(text, length: 3...254) == nil
    }

    init(row: Row) throws {
        id = try row.text("id")
        email = try row.text("email")
        name = try row.text("name")
        role = Role(rawValue: try row.text("role")) ?? .user
        isActive = try row.bool("is_active")
        createdAt = try row.date("created_at")
    }
}
