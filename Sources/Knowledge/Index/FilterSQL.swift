import Domain
import Foundation
import GRDB

/// A document filter as a condition on `documents d`: true or false, never null.
struct FilterSQL {
    var sql: String
    var arguments: StatementArguments

    init(_ filter: DocumentFilter) throws {
        var conditions: [String] = []
        var arguments = StatementArguments()
        // Lists travel as one JSON value: their length is not bounded by SQLite's count of variables.
        func add(_ condition: String, _ values: [String]) throws {
            conditions.append(condition)
            arguments += [try ChunkDatabase.json(values)]
        }
        if let names = filter.documents { try add("d.name IN (SELECT value FROM json_each(?))", names) }
        if !filter.tagsAny.isEmpty {
            try add("EXISTS (SELECT 1 FROM json_each(d.tags) t WHERE t.value IN (SELECT value FROM json_each(?)))", filter.tagsAny)
        }
        if !filter.tagsAll.isEmpty {
            try add(
                "NOT EXISTS (SELECT 1 FROM json_each(?) w WHERE w.value NOT IN (SELECT value FROM json_each(d.tags)))", filter.tagsAll)
        }
        if !filter.kinds.isEmpty { try add("d.kind IN (SELECT value FROM json_each(?))", filter.kinds) }
        if let from = filter.from {
            conditions.append("coalesce(d.date >= ?, 0)")
            arguments += [from.description]
        }
        if let to = filter.to {
            conditions.append("coalesce(d.date <= ?, 0)")
            arguments += [to.description]
        }
        sql = conditions.isEmpty ? "1" : "(" + conditions.joined(separator: " AND ") + ")"
        self.arguments = arguments
    }
}
