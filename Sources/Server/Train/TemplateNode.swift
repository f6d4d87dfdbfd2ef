import Domain
import Foundation
import Providers
import Yams

/// A YAML value with its line, so that a mistake can be pointed at.
struct TemplateNode {
    let node: Node

    var line: Int { node.mark?.line ?? 1 }

    /// As JSON; nil for what JSON has no form for.
    var json: JSONValue? {
        switch node {
        case .scalar(let scalar):
            // Only what is written plainly is a number or a truth; quoted, it is a text.
            if scalar.style == .plain || scalar.style == .any {
                if node.null != nil { return .null }
                if let bool = node.bool { return .bool(bool) }
                if let int = node.int { return .int(int) }
                if let number = node.float { return number.isFinite ? .double(number) : nil }
                // YAML 1.1 wants a point in a number; everybody writes 1e-4.
                if let number = Double(scalar.string), number.isFinite { return .double(number) }
            }
            return .string(scalar.string)
        case .sequence(let items):
            let values = items.map { TemplateNode(node: $0).json }
            return values.contains(nil) ? nil : .array(values.compactMap { $0 })
        case .mapping(let pairs):
            var members: [String: JSONValue] = [:]
            for (key, value) in pairs {
                guard let name = key.string, let value = TemplateNode(node: value).json else { return nil }
                members[name] = value
            }
            return .object(members)
        case .alias: return nil
        }
    }

    var text: String? {
        guard case .scalar = node, let value = json, value != .null else { return nil }
        return value.stringValue ?? value.serialized()
    }

    /// Members in the order they are written; nil for anything but a mapping.
    var members: [(name: String, line: Int, value: TemplateNode)]? {
        guard case .mapping(let pairs) = node else { return nil }
        return pairs.compactMap { key, value in key.string.map { ($0, key.mark?.line ?? 1, TemplateNode(node: value)) } }
    }

    var items: [TemplateNode]? {
        guard case .sequence(let items) = node else { return nil }
        return items.map(TemplateNode.init)
    }
}
