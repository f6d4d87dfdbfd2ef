import Foundation
import Testing

/// Every statement over users' rows says whose: it has the owner's condition, or a reason to have none stands here.
@Suite struct OwnedStatementTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources")

    /// Tables whose rows are a user's.
    private static let tables: Set<String> = [
        "sessions", "external_api_models", "user_api_keys", "user_training_datasets", "external_training_jobs", "training_job_datasets", "job_events",
        "collections", "adapters", "releases", "answers", "usage_records", "dataset_versions", "limits", "job_starts", "paraphrases",
        "provider_definitions", "job_stages", "release_events", "canary_arms", "job_inputs", "webhooks", "webhook_deliveries", "response_cache",
    ]

    /// Files whose work is for no one user.
    private static let systems: [(prefix: String, reason: String)] = [
        ("Database/", "migrations, and what runs statements"), ("Accounts/", "a session is found by its secret, an expired one by its time"),
        ("JobQueue", "workers, who hold the job"), ("Jobs/", "workers, who hold the job"),
        ("Webhooks/", "the sender, which serves every user"), ("ReleaseStates", "inside a transaction that has found the minion to be the user's"),
        ("Records/", "parts of a job that was found to be the user's"), ("LimitTable", "the defaults, which are everybody's"),
        ("UsageWriter", "its columns, the owner's among them, are named by a list"),
        ("Usage/UsageReport+SQL", "the owner's condition is added where one is asked for; without one it is a superuser's"),
    ]

    /// Statements of the users' own files that have another condition, by their beginnings.
    private static let exempt: [(beginning: String, reason: String)] = [
        ("SELECT type, payload FROM job_events WHERE job_id = $1", "of a job that was found to be the user's; events have no owner of their own"),
        ("SELECT * FROM job_events WHERE job_id = $1", "of a job that was found to be the user's; events have no owner of their own"),
        ("DELETE FROM training_job_datasets WHERE job_id = $1", "of a job that was found to be the user's"),
        ("INSERT INTO training_job_datasets", "of a job and datasets that were found to be the user's"),
        ("SELECT m.* FROM external_api_models m JOIN users u ON u.id = m.user_id WHERE m.token_hash", "a minion is found by its own token"),
        ("INSERT INTO canary_arms", "of a minion that was found to be the user's; arms have no owner of their own"),
        ("SELECT * FROM canary_arms WHERE canary_id = $1", "of a minion that was found to be the user's"),
    ]

    /// The SQL in a file's text literals that is about users' rows.
    static func statements(_ source: String) -> [String] {
        // Most files have none, and need not be searched for literals.
        guard ["SELECT ", "UPDATE ", "DELETE FROM ", "INSERT INTO "].contains(where: { source.contains($0) }) else { return [] }
        return source.matches(of: #/"""([\s\S]*?)"""|"((?:[^"\\\n]|\\\([^\n]*?\)|\\.)*)"/#).compactMap { match in
            let text = (match.1 ?? match.2 ?? "").split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard text.prefixMatch(of: #/(WITH|SELECT|UPDATE|DELETE FROM|INSERT INTO) /#) != nil else { return nil }
            return text.matches(of: /\w+/).contains { tables.contains(String($0.0)) } ? text : nil
        }
    }

    /// Whether it has the owner's condition; an insertion, the owner's column.
    static func isOwned(_ statement: String) -> Bool {
        if statement.hasPrefix("INSERT INTO ") { return statement.contains("user_id") }
        return ["user_id = ", "isOwners", "COALESCE(user_id, '') = "].contains { statement.contains($0) }
    }

    @Test func everyStatementOverUsersRowsSaysWhose() throws {
        var used: Set<String> = []
        var count = 0
        let files = try #require(FileManager.default.enumerator(at: Self.sources, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" && !file.path.contains("/Sources/Knowledge/") {
            let name = file.path.components(separatedBy: "/Sources/").last ?? ""
            let place = name.hasPrefix("Store/") ? String(name.dropFirst("Store/".count)) : name
            for statement in Self.statements(try String(contentsOf: file, encoding: .utf8)) {
                count += 1
                if Self.isOwned(statement) || Self.systems.contains(where: { place.hasPrefix($0.prefix) }) { continue }
                guard let exemption = Self.exempt.first(where: { statement.hasPrefix($0.beginning) }) else {
                    Issue.record("\(name): no owner's condition in: \(statement.prefix(160))")
                    continue
                }
                used.insert(exemption.beginning)
            }
        }
        #expect(count > 100, "the statements were found")
        #expect(Self.exempt.map(\.beginning).filter { !used.contains($0) } == [], "exemptions that nothing needs")
    }

    @Test func aStatementWithoutTheOwnerIsFound() {
        let source = #"""
            let a = "SELECT * FROM adapters WHERE id = $1"
            let b = "SELECT * FROM adapters WHERE id = $1 AND user_id = $2"
            let c = "UPDATE \(x) nobody's", d = "SELECT 1"
            """#
        #expect(Self.statements(source).map(Self.isOwned) == [false, true])
        #expect(Self.statements("\"\"\"\n  DELETE FROM answers\n  WHERE id = $1\n\"\"\"").map(Self.isOwned) == [false])
        #expect(Self.isOwned("INSERT INTO answers (id, user_id) VALUES ($1, $2)") && !Self.isOwned("INSERT INTO answers (id) VALUES ($1)"))
    }
}
