import Domain
import Foundation
import Providers
import Store

/// A minion as an entry of Anthropic's model list.
enum AnthropicModels {
    static func entry(_ minion: Minion) -> JSONValue {
        [
            "type": "model", "id": .string(minion.displayName), "display_name": .string(minion.displayName), "lifecycle": "active",
            "created_at": .string(minion.createdAt.formatted(.iso8601)),
        ]
    }
}
