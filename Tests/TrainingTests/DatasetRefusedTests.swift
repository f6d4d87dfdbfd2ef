import Datasets
import Foundation
import Testing

@testable import Training

/// What an upload is told that has nothing to train from.
@Suite struct DatasetRefusedTests {
    private func report(_ text: String) throws -> DatasetReport {
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-refused-\(UUID().uuidString)")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try DatasetReader(file).validate()
    }

    private let call = #"{"messages":[{"role":"user","content":"Tide?"},{"role":"assistant","tool_calls":[{"id":"c"}]}]}"# + "\n"
    private let result = #"{"messages":[{"role":"tool","content":"low"},{"role":"assistant","content":"Low."}]}"# + "\n"

    @Test func theReasonsAreCountedTheMostFrequentFirst() throws {
        let refused = DatasetRefused(try report(result + call + call))
        #expect(refused.message == "none of the 3 examples can be trained from: 2 with tool calls, 1 with a tool's results")
        #expect(refused.problems.map(\.code) == ["tool_calls", "tool_results"] && refused.count == 2)
        #expect(refused.problems.map(\.message) == ["2 examples with tool calls", "1 example with a tool's results"])
        #expect(refused.problems.allSatisfy { !$0.hint.isEmpty })
    }

    /// A line that cannot be read comes first: it says where to begin.
    @Test func problemsComeBeforeReasons() throws {
        let refused = DatasetRefused(try report(call + "{}\n"))
        #expect(refused.problems.map(\.line) == [2] && refused.problems.map(\.code) == ["missing_messages_list"])
    }
}
