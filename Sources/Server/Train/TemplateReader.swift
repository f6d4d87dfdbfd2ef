import Domain
import Foundation
import Providers
import Store

/// Reads a template member by member and remembers every mistake.
struct TemplateReader {
    private static let known = ["minion", "name", "type", "datasets", "config", "sweep", "gate"]

    let folder: URL
    var template = TrainTemplate()
    private(set) var problems: [String] = []

    init(folder: URL) { self.folder = folder }

    private mutating func fail(_ line: Int?, _ field: String, _ message: String) {
        problems.append((line.map { "line \($0): " } ?? "") + "\(field): \(message)")
    }

    mutating func read(_ members: [(name: String, line: Int, value: TemplateNode)]) {
        for (name, line, value) in members {
            switch name {
            case "minion": template.minion = text(name, line, value) ?? ""
            case "name": template.name = text(name, line, value) ?? ""
            case "type": template.kind = choice(name, line, value) ?? template.kind
            case "datasets": datasets(line, value)
            case "config": config(line, value)
            case "sweep": sweep(line, value)
            case "gate": gate(line, value)
            default: fail(line, name, "is not a field of a template; known: \(Self.known.joined(separator: ", "))")
            }
        }
        let written = Set(members.map(\.name))
        for field in ["minion", "type", "datasets"] where !written.contains(field) { fail(nil, field, "is required") }
        for (setting, _) in template.sweep where template.config[setting] != nil {
            fail(nil, "sweep.\(setting)", "stands in config too: leave it in one")
        }
        let jobs = template.sweep.reduce(1) { min($0, 1_000_000) * max(1, min($1.values.count, 1000)) }
        if jobs > TrainTemplate.maxSweep {
            let many = jobs > 1_000_000 ? "more than 1000000" : "\(jobs)"
            fail(nil, "sweep", "makes \(many) jobs; at most \(TrainTemplate.maxSweep) are allowed")
        }
    }

    private mutating func text(_ field: String, _ line: Int, _ value: TemplateNode) -> String? {
        guard let text = value.text?.trimmingCharacters(in: .whitespaces) else {
            fail(line, field, "must be a text of 1 to 200 characters")
            return nil
        }
        guard let problem = DisplayName.problem(text, length: 1...200) else { return text }
        fail(line, field, problem)
        return nil
    }

    private mutating func choice<T: RawRepresentable & CaseIterable>(_ field: String, _ line: Int, _ value: TemplateNode) -> T?
    where T.RawValue == String {
        guard let choice = value.text.flatMap(T.init(rawValue:)) else {
            fail(line, field, "must be one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        return choice
    }

    private mutating func datasets(_ line: Int, _ value: TemplateNode) {
        guard let items = value.items, !items.isEmpty, items.count <= 100 else {
            return fail(line, "datasets", "must be a list of 1 to 100 datasets")
        }
        for (index, item) in items.enumerated() { dataset("datasets[\(index)]", item) }
    }

    private mutating func dataset(_ field: String, _ item: TemplateNode) {
        // A bare text is the name of one the server has.
        if let name = item.text {
            template.datasets.append(.init(name: name))
            return
        }
        guard let members = item.members else { return fail(item.line, field, "must be a name, or name, type and path") }
        var reference = TrainTemplate.DatasetReference(name: "")
        for (name, line, value) in members {
            switch name {
            case "name": reference.name = text("\(field).name", line, value) ?? ""
            case "type": reference.kind = choice("\(field).type", line, value)
            case "path": reference.file = file("\(field).path", line, value)
            default: fail(line, "\(field).\(name)", "is not a field of a dataset; known: name, type, path")
            }
        }
        let written = Set(members.map(\.name))
        if !written.contains("name") { fail(item.line, "\(field).name", "is required") }
        if written.contains("path"), !written.contains("type") { fail(item.line, "\(field).type", "is required with a path: jsonl or rag") }
        template.datasets.append(reference)
    }

    private mutating func file(_ field: String, _ line: Int, _ value: TemplateNode) -> URL? {
        guard let path = text(field, line, value) else { return nil }
        let url = URL(filePath: path, relativeTo: folder).absoluteURL.standardized
        guard let facts = try? url.resourceValues(forKeys: [.isDirectoryKey, .isReadableKey]), facts.isReadable == true else {
            fail(line, field, "there is no file \(url.path)")
            return nil
        }
        if facts.isDirectory == true { fail(line, field, "\(url.path) is a folder: pack it as a .zip or .tar") }
        return url
    }

    private mutating func config(_ line: Int, _ value: TemplateNode) {
        guard let members = value.members else { return fail(line, "config", "must be a mapping of settings") }
        for (name, line, value) in members {
            guard let json = value.json else {
                fail(line, "config.\(name)", "cannot be read")
                continue
            }
            template.config[name] = json
        }
    }

    private mutating func sweep(_ line: Int, _ value: TemplateNode) {
        guard let members = value.members else { return fail(line, "sweep", "must be a mapping of settings to lists of values") }
        for (name, line, value) in members {
            let values = value.items?.map(\.json)
            guard let values, !values.isEmpty, !values.contains(nil) else {
                fail(line, "sweep.\(name)", "must be a list of values, such as [8, 16]")
                continue
            }
            template.sweep.append((name, values.compactMap { $0 }))
        }
    }

    private mutating func gate(_ line: Int, _ value: TemplateNode) {
        guard let gate = value.text.flatMap(GateExpression.init) else { return fail(line, "gate", "must look like \(GateExpression.example)") }
        template.gate = gate
    }
}
