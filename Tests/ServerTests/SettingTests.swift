import Domain
import Foundation
import Testing

@testable import Server

/// A setting is declared once: what a request may say, what a row holds and what openapi tells go by that line.
@Suite struct SettingTests {
    /// What openapi says of a group's settings, by key.
    private static func described(_ schema: String) throws -> [String: [String: Any]] {
        let document = try #require(try JSONSerialization.jsonObject(with: OpenAPI().json()) as? [String: Any])
        let schemas = try #require((document["components"] as? [String: Any])?["schemas"] as? [String: Any])
        return try #require((schemas[schema] as? [String: Any])?["properties"] as? [String: [String: Any]])
    }

    private static func defaults<Group: SettingGroup>(of group: Group) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(group)) as? [String: Any])
    }

    private func compare<Group: SettingGroup>(_ group: Group.Type, _ schema: String) throws {
        let described = try Self.described(schema)
        let defaults = try Self.defaults(of: Group())
        #expect(Set(described.keys) == Set(group.settings.map(\.key)), "\(schema) names the settings that there are")
        for setting in group.settings {
            let field = try #require(described[setting.key])
            let name = "\(schema).\(setting.key)"
            func expect(_ key: String, _ value: Any?) {
                #expect(
                    (field[key] as? NSObject) == (value as? NSObject), "\(name): \(key) is \(field[key] ?? "absent"), declared \(value ?? "absent")")
            }
            #expect(!setting.meaning.isEmpty && !setting.meaning.contains("\n"), "\(name) has its meaning in one line")
            switch setting.kind {
            case .flag: expect("type", ["boolean", "null"])
            case .integer(let range):
                expect("type", ["integer", "null"])
                expect("minimum", setting.absence == .zero ? 0 : range.lowerBound)
                expect("maximum", range.upperBound)
            case .number(let range):
                expect("type", ["number", "null"])
                expect("minimum", range.lowerBound)
                expect("maximum", range.upperBound)
            case .choice(let known):
                #expect(Set((field["enum"] as? [Any] ?? []).compactMap { $0 as? String }) == Set(known), "\(name): its choices")
            case .text(let length):
                expect("type", ["string", "null"])
                expect("maxLength", length)
            case .object: continue
            }
            expect("default", defaults[setting.key])
        }
    }

    @Test func openapiTellsThePipelinesSettings() throws { try compare(PipelineSettings.self, "Pipeline") }
    @Test func openapiTellsTheTrainingsSettings() throws { try compare(TrainingConfig.self, "TrainingConfig") }
    @Test func openapiTellsTheEvaluationsSettings() throws { try compare(EvaluationSettings.self, "EvaluationSettings") }

    /// As docs/architecture.md says it: a property with its default, and a line.
    private struct Kiln: SettingGroup {
        var heat = 900
        var shelves: Int?
        var name: String?
        var fuel = Spread.weighted

        static let settings: [Setting<Self>] = [
            .integer("heat", \.heat, 100...1300, "Degrees."),
            .integer("shelves", \.shelves, 1...9, absentAs: .zero, "How many it has."),
            .text("name", \.name, atMost: 10, absentAs: .null, "What it is called."),
            .choice("fuel", \.fuel, "What burns."),
        ]
    }

    private func read(_ text: String, into kiln: Kiln = Kiln()) throws -> (Kiln, [String]) {
        var fields = RequestFields(try #require(try JSONValue(parsing: text).objectValue))
        var kiln = kiln
        fields.read(into: &kiln)
        return (kiln, fields.remaining().listed.map { "\($0.field ?? ""): \($0.message ?? "")" })
    }

    @Test func aSettingThatIsAddedIsReadFromRequests() throws {
        #expect(try read("{}") == (Kiln(), []))
        let full = try read(#"{"heat": 1000, "shelves": 3, "name": "Ann", "fuel": "least_latency"}"#)
        #expect(full.0.heat == 1000 && full.0.shelves == 3 && full.0.name == "Ann" && full.0.fuel == .leastLatency && full.1.isEmpty)
        // What is not mentioned stays; what may be absent is taken away as it was declared.
        #expect(try read(#"{"heat": 800}"#, into: full.0).0.name == "Ann")
        #expect(try read(#"{"shelves": 0, "name": null}"#, into: full.0).0 == read(#"{"heat": 1000, "fuel": "least_latency"}"#).0)
        #expect(try read(#"{"heat": 99}"#).1 == ["heat: must be a whole number from 100 to 1300"])
        #expect(try read(#"{"fuel": "wood"}"#).1 == ["fuel: must be one of weighted, least_latency"])
        #expect(try read(#"{"height": 1}"#).1.count == 1)
    }

    @Test func aSettingThatIsAddedIsReadFromRows() throws {
        let decoder = JSONDecoder()
        #expect(try decoder.decode(Kiln.self, from: Data("{}".utf8)) == Kiln())
        // A row from before its bounds is moved within them.
        #expect(try decoder.decode(Kiln.self, from: Data(#"{"heat": 9999999999999999999, "shelves": 0}"#.utf8)).heat == 1300)
        var kiln = Kiln()
        (kiln.heat, kiln.name) = (700, "Ann")
        #expect(try decoder.decode(Kiln.self, from: JSONEncoder().encode(kiln)) == kiln)
    }
}
