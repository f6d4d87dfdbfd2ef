import Answers
import Testing

@Suite("Other forms of a query")
struct QueryVariantsTests {
    @Test(arguments: [
        ("loan period\nlending time", ["loan period", "lending time"]),
        ("1. loan period\n2) lending time\n3: third", ["loan period", "lending time"]),
        ("- \"loan period\"\n* “lending time”", ["loan period", "lending time"]),
        // What a form says with a number at its start stays.
        ("2024 accounts\n 3 days late ", ["2024 accounts", "3 days late"]),
        // The query itself, the same again and what is no words are none.
        ("How Long\nloan period\nLOAN PERIOD\n...\n", ["loan period"]),
        // Neither is an answer at length.
        (String(repeating: "word ", count: 60) + "\nloan period", ["loan period"]), ("", []),
    ])
    func `are read from what a model says`(text: String, expected: [String]) {
        #expect(QueryVariants.read(text, query: "how long", limit: 2) == expected)
    }

    @Test func `are asked for with a bound, and the query comes last`() {
        let request = QueryVariants.request("how long", limit: 2, maxTokens: 64)
        #expect(request.messages.last?.content == "how long" && request.sampling.maxTokens == 64 && request.sampling.temperature == 0)
    }
}
