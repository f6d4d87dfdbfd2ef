import Foundation
import Hummingbird
import Store

/// `?from=&to=&group_by=&tz=&format=` of a usage report.
struct UsageQueryParameters {
    enum Format: String, CaseIterable { case json, csv }

    var query = UsageQuery()
    var format = Format.json
    /// Whether anything of a report was asked for.
    var wantsReport = false

    /// - Parameter dimensions: what may be grouped by.
    init(_ request: Request, dimensions: [UsageQuery.Dimension]) throws {
        let values = request.uri.queryParameters
        var problems: [APIError.Detail] = []
        func text(_ name: String) -> String? { values[Substring(name)].map(String.init).flatMap { $0.isEmpty ? nil : $0 } }
        if let zone = text("tz") {
            if let offset = Self.offset(zone) {
                query.offset = offset
            } else {
                problems.append(.init(field: "tz", code: "invalid", message: "must be Z or an offset from UTC such as +02:00"))
            }
        }
        for (name, isEnd) in [("from", false), ("to", true)] {
            guard let value = text(name) else { continue }
            guard let date = Self.date(value, offset: query.offset, isEnd: isEnd) else {
                problems.append(.init(field: name, code: "invalid", message: "must be a day (2026-11-23) or a time (2026-11-23T16:44:04Z)"))
                continue
            }
            if isEnd { query.to = date } else { query.from = date }
        }
        if let from = query.from, let to = query.to, to <= from {
            problems.append(.init(field: "to", code: "invalid", message: "must be after from"))
        }
        if let groups = text("group_by") {
            for name in groups.split(separator: ",").map({ $0.trimmingCharacters(in: .whitespaces) }) {
                guard let dimension = UsageQuery.Dimension(rawValue: name), dimensions.contains(dimension) else {
                    problems.append(
                        .init(
                            field: "group_by", code: "invalid", message: "\"\(name.prefix(40))\" cannot be grouped by",
                            hint: "known: \(dimensions.map(\.rawValue).joined(separator: ", ")), several with commas"))
                    continue
                }
                if !query.groupBy.contains(dimension) { query.groupBy.append(dimension) }
            }
        }
        if let value = text("format") {
            if let format = Format(rawValue: value) {
                self.format = format
            } else {
                problems.append(.init(field: "format", code: "invalid", message: "must be json or csv"))
            }
        }
        if !problems.isEmpty { throw APIError.invalid(problems) }
        wantsReport = ["from", "to", "group_by", "format"].contains { text($0) != nil }
    }

    /// Seconds east of UTC, at most 14 hours.
    static func offset(_ text: String) -> Int? {
        if text == "Z" || text == "UTC" { return 0 }
        guard let match = text.wholeMatch(of: /([+-])(\d{2}):?(\d{2})/), let hours = Int(match.2), let minutes = Int(match.3), minutes < 60 else {
            return nil
        }
        let seconds = hours * 3600 + minutes * 60
        return seconds <= 14 * 3600 ? (match.1 == "-" ? -seconds : seconds) : nil
    }

    /// A day begins at midnight of the offset; as an end it counts whole.
    static func date(_ text: String, offset: Int, isEnd: Bool) -> Date? {
        if text.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil {
            guard let midnight = try? Date(text, strategy: .iso8601.year().month().day()) else { return nil }
            return midnight.addingTimeInterval(Double(isEnd ? 86_400 - offset : -offset))
        }
        return (try? Date(text, strategy: .iso8601)) ?? (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    }
}
