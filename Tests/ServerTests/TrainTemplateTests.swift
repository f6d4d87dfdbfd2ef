import Domain
import Foundation
import Providers
import Server
import Store
import Testing

@Suite struct TrainTemplateTests {
    private func read(_ text: String, files: [String] = []) throws -> TrainTemplate {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-template-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for file in files { try Data("x".utf8).write(to: folder.appending(path: file)) }
        let file = folder.appending(path: "nightly.yaml")
        try Data(text.utf8).write(to: file)
        return try TrainTemplate.read(file)
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try read(text)
            return []
        } catch let error as TemplateProblems { return error.problems } catch { return ["\(error)"] }
    }

    @Test func aTemplateSaysMinionDataSettingsAndGate() throws {
        let template = try read(
            """
            minion: Wick
            type: lora_only
            datasets:
              - voice
              - name: letters
                type: jsonl
                path: letters.jsonl
            config: {epochs: 2, learning_rate: 1e-4, chunk_strategy: fixed}
            gate: validation_loss@voice <= 4.2
            """, files: ["letters.jsonl"])
        #expect(template.minion == "Wick" && template.kind == .loraOnly && template.name == "nightly")
        #expect(template.datasets.map(\.name) == ["voice", "letters"] && template.datasets[1].kind == .jsonl)
        #expect(template.datasets[1].file?.lastPathComponent == "letters.jsonl" && template.datasets[0].file == nil)
        #expect(template.config == ["epochs": 2, "learning_rate": 0.0001, "chunk_strategy": "fixed"])
        #expect(template.gate == GateExpression("validation_loss@voice<=4.2"))
        #expect(template.combinations.count == 1)
    }

    @Test func everyMistakeIsNamedAtOnceWithItsLine() {
        let found = problems(
            """
            minion: Wick
            type: magic
            datasets:
              - name: letters
                path: nowhere.jsonl
              - {type: rag}
            epochs: 2
            sweep: {rank: 8}
            gate: better
            """)
        #expect(found.count == 7)
        for (line, field) in [
            (2, "type"), (5, "datasets[0].path"), (4, "datasets[0].type"), (6, "datasets[1].name"), (7, "epochs"), (8, "sweep.rank"), (9, "gate"),
        ] {
            #expect(found.contains { $0.hasPrefix("line \(line): \(field): ") }, "\(line) \(field)")
        }
        #expect(problems("name: x").filter { $0.contains("is required") }.count == 3)
        #expect(problems("minion: [").first?.contains("not YAML") == true)
        #expect(problems("minion: a\nminion: b").first?.contains("twice") == true)
        #expect(problems("- a").first?.contains("a template is a mapping") == true)
    }

    @Test func aSweepIsEveryCombinationAndBounded() throws {
        let head = "minion: a\ntype: lora_only\ndatasets: [v]\n"
        let template = try read(head + "sweep: {rank: [8, 16], learning_rate: [1e-4, 3e-4, 1e-3]}")
        #expect(template.combinations.count == 6)
        #expect(template.combinations[1].map { "\($0.setting)=\($0.value)" } == ["rank=8", "learning_rate=0.0003"])
        let numbers = (1...9).map(String.init).joined(separator: ", ")
        #expect(problems(head + "sweep: {rank: [\(numbers)], epochs: [\(numbers)]}") == ["sweep: makes 81 jobs; at most 64 are allowed"])
        // Their product is no 64-bit number.
        let many = (0..<8).map { "s\($0): [\((0..<1000).map(String.init).joined(separator: ", "))]" }.joined(separator: ", ")
        #expect(problems(head + "sweep: {\(many)}") == ["sweep: makes more than 1000000 jobs; at most 64 are allowed"])
        #expect(problems(head + "config: {rank: 4}\nsweep: {rank: [8]}") == ["sweep.rank: stands in config too: leave it in one"])
    }

    @Test func aGateComparesAMeasuredValue() throws {
        var evaluation = ReleaseEvaluation()
        (evaluation.baseValidationLoss, evaluation.validationLoss) = (4.8, 4.2)
        #expect(try #require(GateExpression("validation_loss<=4.2")).passes(evaluation) == true)
        #expect(try #require(GateExpression("validation_loss<4.2")).passes(evaluation) == false)
        #expect(try #require(GateExpression("validation_loss@base > 4.5")).passes(evaluation) == true)
        #expect(try #require(GateExpression("validation_loss>=4.3")).passes(evaluation) == false)
        #expect(try #require(GateExpression("style_score>=0.5")).passes(evaluation) == nil)
        for text in ["", "loss", "loss=4", "<=4", "loss<=x", "a@b@c<=1", "loss<=inf"] { #expect(GateExpression(text) == nil, "\(text)") }
    }
}
