import Foundation
import Providers

/// `docs/adding-a-provider.md`, whose examples are run.
enum Document {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let text: String = {
        do { return try String(contentsOf: root.appending(path: "docs/adding-a-provider.md"), encoding: .utf8) } catch {
            preconditionFailure("the document cannot be read: \(error)")
        }
    }()

    /// The code between the fences of the block that opens with `head`.
    static func block(_ head: String) -> String {
        guard let start = text.range(of: "```\(head)\n")?.upperBound, let end = text[start...].range(of: "```")?.lowerBound else {
            preconditionFailure("the document has no block \(head)")
        }
        return String(text[start..<end])
    }

    static let vendor: VendorDefinition = {
        do { return try VendorDefinition(parsing: block(#"json title="a vendor""#)) } catch { preconditionFailure("the document's vendor: \(error)") }
    }()
}
