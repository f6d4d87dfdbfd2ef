import Foundation
import Providers
import Testing

@Suite struct RedactionTests {
    @Test(arguments: [
        "sk-proj-abcdefgh12345678", "sk-ant-api03-AbC_d-123456", "sk-proj-****abcd", "nvapi-0123456789abcdef", "hf_abcdefghijkl", "gsk_abcdefgh12",
        "Bearer abc.def", "bearer xyz", "minion_0123456789abcdef0123456789abcdef",
    ])
    func removesWhatLooksLikeAKey(key: String) {
        let text = Redaction.redact("Incorrect key: \(key), try again")
        #expect(!text.contains(key))
        #expect(text.contains(Redaction.mark) && text.hasSuffix(", try again"))
    }

    @Test func removesTheKeyWhateverItsShape() {
        #expect(Redaction.redact("no such key: hunter22!", key: Secret(" hunter22!\n")) == "no such key: \(Redaction.mark)")
    }

    @Test func leavesOrdinaryWordsAlone() {
        let text = "The ask-me-anything task risk-free model hf_x is not sk-1"
        #expect(Redaction.redact(text, key: Secret("a")) == text)
    }

    @Test func secretsHaveNoTextualForm() {
        let endpoint = Endpoint(baseURL: "https://x", key: Secret("hunter22"))
        #expect(!"\(endpoint) \(String(reflecting: endpoint))".contains("hunter22"))
        var dumped = ""
        dump(endpoint, to: &dumped)
        #expect(!dumped.contains("hunter22"))
    }
}

@Suite struct RetryAfterTests {
    private let now = Date(timeIntervalSince1970: 784_111_777)  // Sun, 06 Nov 1994 08:49:37 GMT

    @Test func readsEveryForm() {
        #expect(RetryAfter.seconds(HTTPFields([("Retry-After-Ms", "250"), ("Retry-After", "9")]), now: now) == 0.25)
        #expect(RetryAfter.seconds(HTTPFields([("retry-after", "1.5")]), now: now) == 1.5)
        for date in ["Sun, 06 Nov 1994 08:49:47 GMT", "Sunday, 06-Nov-94 08:49:47 GMT", "Sun Nov  6 08:49:47 1994"] {
            #expect(RetryAfter.seconds(HTTPFields([("retry-after", date)]), now: now) == 10, "\(date)")
        }
        // A wish that is none leaves the other its say.
        #expect(RetryAfter.seconds(HTTPFields([("retry-after-ms", "-250"), ("retry-after", "9")]), now: now) == 9)
    }

    @Test(arguments: ["0", "-3", "-1e300", "soon", "nan", "inf", "0x10", "infinity", "Sun, 06 Nov 1994 08:49:27 GMT", ""])
    func ignoresWhatIsNoWait(text: String) {
        #expect(RetryAfter.seconds(HTTPFields([("retry-after", text)]), now: now) == nil)
    }
}
