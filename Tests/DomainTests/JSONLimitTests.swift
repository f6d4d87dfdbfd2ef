import TestSupport
import Testing

@testable import Domain

/// A few bytes of text can become a hundred in memory: how many values a text may hold is bounded, and what is said of a bad one.
@Suite struct JSONLimitTests {
    private func refusal(_ text: String) -> String? {
        do {
            _ = try JSONValue(parsing: text)
            return nil
        } catch { return "\(error)" }
    }

    @Test func valuesAreBounded() throws {
        func list(_ element: String, _ count: Int) -> String { "[" + Array(repeating: element, count: count).joined(separator: ",") + "]" }
        #expect(refusal(list("{}", 249_999)) == nil)
        #expect(refusal(list("{}", 250_000))?.contains("more than 250000 objects") == true)
        #expect(refusal(list("[]", 250_000))?.contains("more than 250000 objects") == true)
        #expect(refusal(list("0", 1_000_000)) == nil)
        #expect(refusal(list("0", 1_000_001))?.contains("more than 1000000 elements") == true)
        #expect(refusal("{" + (0..<250_000).map { "\"\($0)\":0" }.joined(separator: ",") + "}")?.contains("more than 250000") == true)
        // Nested lists share one bound.
        #expect(refusal("[" + list("0", 600_000) + "," + list("0", 600_000) + "]") != nil)
        let vector = Array(list("0", 1_000_001).utf8)
        #expect(try vector.withUnsafeBytes { try JSONValue(parsing: $0, limits: .vectors).arrayValue?.count } == 1_000_001)
    }

    @Test func theLeastAreFoundWithoutSorting() {
        var random = SeededGenerator(seed: 3)
        for count in [0, 1, 7, 50, 200] {
            let all = (0..<100).map { _ in Int.random(in: 0..<60, using: &random) }
            #expect(all.least(count) == Array(all.sorted().prefix(count)))
        }
    }
}
