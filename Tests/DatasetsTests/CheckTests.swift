import Datasets
import Foundation
import TestSupport
import Testing

@Suite("Checks of examples")
struct CheckTests {
    private func matches(_ text: String) -> [String] {
        let bytes = PaddedBytes(text.utf8)
        return SensitiveScan.matches(bytes.bytes).map { "\($0.kind.rawValue):\(String(decoding: bytes.bytes[$0.range], as: UTF8.self))" }
    }

    /// Shapes of keys, put together here so that no key stands in this file.
    static let keys: [(SensitiveKind, String)] = [
        (.openAIKey, "sk-" + "proj-" + String(repeating: "aB3_", count: 12)),
        (.anthropicKey, "sk-" + "ant-api03-" + String(repeating: "x9Y-", count: 12)),
        (.awsKey, "AKIA" + "IOSFODNN7EXAMPLE"), (.googleKey, "AIza" + "Sy" + String(repeating: "D3f", count: 11)),
        (.githubToken, "ghp_" + String(repeating: "a1B2", count: 9)),
        (.githubToken, "github" + "_pat_" + String(repeating: "1aB_", count: 10)), (.gitlabToken, "glpat" + "-" + String(repeating: "a1", count: 10)),
        (.slackToken, "xoxb" + "-123456789012-" + String(repeating: "a1", count: 8)),
        (.stripeKey, "sk_" + "live_" + String(repeating: "a1", count: 12)),
        (.huggingFaceToken, "hf_" + String(repeating: "a1B", count: 12)), (.nvidiaKey, "nvapi" + "-" + String(repeating: "a1B_", count: 15)),
        (.npmToken, "npm_" + String(repeating: "a1B2", count: 9)), (.email, "will.shake+1@globe-theatre.example.org"),
        (.cardNumber, "4111 1111 1111 1111"),
        (.cardNumber, "5500-0055-5555-5559"), (.cardNumber, "378282246310005"), (.cardNumber, "6011000990139424"),
        (.privateKey, "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIB\nabc=\n-----END RSA " + "PRIVATE KEY-----"),
    ]

    @Test(arguments: keys) func `a secret is found wherever it stands`(kind: SensitiveKind, secret: String) {
        for lead in 0..<33 {
            let before = String(repeating: "x", count: lead)
            #expect(matches("\(before) \(secret)") == ["\(kind.rawValue):\(secret)"], "\(lead)")
            #expect(matches("é\(before) (\(secret)), and more of it é") == ["\(kind.rawValue):\(secret)"], "\(lead)")
            // In a run without white space, behind a sign.
            if kind != .email { #expect(matches("\(before)=\"\(secret)\";") == ["\(kind.rawValue):\(secret)"], "\(lead)") }
        }
    }

    @Test(arguments: [
        "4111 1111 1111 1112", "1234567890123", "1700000000000", "0000 0000 0000 0000", "41111111111111111111111", "a4111111111111111", "@", "a@b",
        "@home", "user@", "a@b.c",
        "see foo@bar for", "1@2.3", "sk-", "sk-short", "task-force-one-two-three-four-five-six-seven-eight", "AKIASHORT", "ghp_tooshort",
        "----------------------------------------",
        "-----BEGIN CERTIFICATE-----", "an extraordinarily-well-hyphenated-compound-word-of-many-parts",
        "https://example.org/a/very/long/path/without/any/white/space/at/all",
        "2024-01-01 2024-01-02 2024-01-03", "+49 170 1234567", "x..y@z..org",
    ])
    func `what only looks like one is left`(text: String) { #expect(matches(text) == [], "\(text)") }

    @Test func `secrets are warned of by field and never shown`() throws {
        let (_, key) = Self.keys[0]
        try withFolder { folder in
            let file = try folder.file(
                "a",
                """
                {"messages":[{"role":"user","content":"my key is \\u0073\(key.dropFirst())"},{"role":"assistant","content":"Write to a.b@example.org"}]}
                {"messages":[{"role":"assistant","content":"ok","tool_calls":[{"arguments":"{\\"k\\":\\"\(key)\\"}"}]}],"owner":{"mail":["c@example.org"]}}
                {"system":"x","messages":[{"role":"assistant","content":[{"type":"text","text":"at"},{"type":"text","text":"d@example.org"}]}]}
                """)
            var options = DatasetOptions()
            let report = try DatasetReader(file, options: options).validate()
            #expect(report.isUsable && report.warningCounts == ["secret_found": 2, "email_found": 3, "tool_calls": 1])
            let found = report.warnings.filter { [.secretFound, .emailFound].contains($0.code) }
            #expect(found.map(\.line) == [1, 1, 2, 2, 3])
            #expect(
                found.map(\.field) == ["messages[0].content", "messages[1].content", "messages[0].content", "owner", "messages[0].content"])
            let shown = try String(decoding: JSONEncoder().encode(report), as: UTF8.self)
            #expect(!shown.contains(key) && !shown.contains("example.org"))

            options.redact = Set(SensitiveKind.allCases)
            var lines: [String] = []
            let redacted = try DatasetReader(file, options: options).read { lines.append($0.text) }
            #expect(redacted.redactions == 5)
            #expect(lines.allSatisfy { !$0.contains(key) && !$0.contains("@") })
            #expect(
                lines[0] == #"{"messages":[{"role":"user","content":"my key is [OPENAI_KEY]"},{"role":"assistant","content":"Write to [EMAIL]"}]}"#)
            #expect(lines[1].contains(#""arguments":"{\"k\":\"[OPENAI_KEY]\"}""#) && lines[1].contains(#""owner":{"mail":["[EMAIL]"]}"#))
            options.redact = [.email]
            var first = ""
            try DatasetReader(file, options: options).read { if first.isEmpty { first = $0.text } }
            #expect(first.contains(key) && first.contains("[EMAIL]"))
        }
    }

    @Test(arguments: [
        ("en", "The wind is with you, and the tide is not against the boat."), ("de", "Der Wind ist mit dir, und die Flut ist nicht gegen das Boot."),
        ("fr", "Le vent est avec vous et la marée ne va pas contre le bateau."), ("es", "El viento está con los barcos y no hay nada más que hacer."),
        ("it", "Il vento è con te e la marea non va contro gli uomini della nave."),
        ("pt", "O vento não está com você, mas os barcos já vão para o mar."),
        ("nl", "De wind is met ons en het water is niet tegen de boot, maar ook niet voor."), ("ja", "風は港へ吹いています。"), ("zh", "风向港口吹去，船要出海。"),
        ("ko", "바람이 항구로 분다."),
        ("cyrillic", "Ветер дует в гавань."), ("el", "Ο άνεμος φυσάει."), ("arabic", "الريح تهب نحو الميناء."), ("he", "הרוח נושבת לנמל"),
        ("devanagari", "हवा बंदरगाह की ओर"),
        ("th", "ลมพัดไปที่ท่าเรือ"), ("unknown", "Xyzzy plugh."), ("none", "1234 !?"), ("none", ""),
    ])
    func `a language is told by script and common words`(language: String, text: String) {
        let bytes = PaddedBytes(text.utf8)
        #expect(LanguageGuess.names[LanguageGuess.guess(bytes.bytes)] == language)
    }

    @Test func `the mix is told by the first reply`() throws {
        try withFolder { folder in
            let report = try DatasetReader(
                folder.file(
                    "a.csv",
                    "question,answer\na,It is the best of all that we have\nb,Das ist nicht der Hund und auch nicht die Katze\nc,This is what you said to them\nd,风向港口吹去\n"
                )
            ).validate()
            #expect(report.languages == [.init(language: "en", examples: 2), .init(language: "de", examples: 1), .init(language: "zh", examples: 1)])
        }
    }

    @Test func `tokens are estimated and told as a histogram`() throws {
        try withFolder { folder in
            // (4 + 1) for the question, 4 + n for the reply of 4 n bytes.
            let rows = [1, 10, 23, 24, 100, 2000, 80_000].map { #"{"question":"abcd","answer":""# + String(repeating: "abcd", count: $0) + "\"}" }
            var options = DatasetOptions()
            options.maxTokens = 109
            let report = try DatasetReader(folder.file("a", rows.joined(separator: "\n")), options: options).validate()
            #expect(
                report.tokens.total == 82_158 + 7 * 9 && report.tokens.longest == 80_009 && report.tokens.median == 33 && report.tokens.p95 == 80_009)
            #expect(report.tokens.buckets.map(\.upTo) == [32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65535, nil])
            #expect(report.tokens.buckets.map(\.examples) == [3, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1])
            #expect(report.tokens.overLong == 2 && report.warningCounts["over_long"] == 2)
            #expect(report.warnings.filter { $0.code == .overLong }.map(\.line) == [6, 7])
            struct Words: TokenEstimate {
                let perMessage = 0
                func tokens(of text: UnsafeBufferPointer<UInt8>) -> Int { text.split(separator: 0x20).count }
            }
            options.tokens = Words()
            #expect(try DatasetReader(folder.file("b", #"{"question":"a b c","answer":"d e"}"#), options: options).validate().tokens.total == 5)
        }
    }

    /// Against a plain set; with room for all, for some, and for so few that parts on disk are taken in pieces.
    @Test(arguments: [1_000_000, 3000, 16]) func `duplicates are found in bounded memory`(room: Int) throws {
        try withFolder { folder in
            var random = SeededGenerator(seed: 42)
            var text = ""
            var first: [Int: Int] = [:]
            var expected: [Int: Int] = [:]
            for line in 1...6000 {
                let number = Int.random(in: 0..<5000, using: &random)
                if let seen = first[number] { expected[line] = seen } else { first[number] = line }
                text += #"{"question":"number \#(number)?","answer":"yes"}"# + "\n"
            }
            var options = DatasetOptions()
            options.hashesInMemory = room
            options.scratch = folder
            options.maxProblems = 10_000
            let report = try DatasetReader(folder.file("a", text), options: options).validate()
            let found = Dictionary(uniqueKeysWithValues: report.warnings.filter { $0.code == .duplicateExample }.map { ($0.line!, $0.found) })
            #expect(report.duplicates == expected.count && found == expected.mapValues { "the same example as on line \($0)" })
            #expect(report.warnings.map { $0.line! } == report.warnings.map { $0.line! }.sorted())
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
        }
    }

    @Test func `a report is snake_case JSON and comes back`() throws {
        let report = try DatasetReader(fixture("openai_chat.jsonl")).validate()
        let data = try JSONEncoder().encode(report)
        #expect(try JSONDecoder().decode(DatasetReport.self, from: data) == report)
        let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["problem_count"] as? Int == 0 && object["warning_counts"] is [String: Any])
        #expect((object["layout"] as? [String: Any])?["format_detected"] as? Bool == true)
    }
}
