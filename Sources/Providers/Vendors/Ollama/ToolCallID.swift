import Foundation

/// Ids for tool calls whose vendor gives none.
enum ToolCallID {
    /// `call_` and 24 hexadecimal digits, unique.
    static func make() -> String {
        "call_" + UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(24)
    }
}
