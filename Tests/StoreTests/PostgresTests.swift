import Foundation
import Synchronization
import TestDatabases
import Testing

@testable import Store

/// What only PostgreSQL has to answer for; everything else is the whole suite, run on it as well.
@Suite(.enabled(if: TestDatabase.postgresURL != nil, "ATELIER_TEST_POSTGRES_URL names no server"))
struct PostgresTests {
    private func open(_ url: String, connections: Int = 4) throws -> PostgresDatabase {
        PostgresDatabase(try #require(PostgresAddress(url)), connections: connections)
    }

    private func withDatabase(_ body: (PostgresDatabase, String) async throws -> Void) async throws {
        let url = try await TestDatabase.newSchema()
        let database = try open(url)
        try await body(database, url)
        try database.close()
    }

    @Test func valuesComeBackAsTheyWere() async throws {
        try await withDatabase { database, _ in
            let values: [SQLValue] = [.null, .integer(.max), .integer(.min), .real(0.1), .real(-1e300), .text(""), .text("ä 'x' \\ $1 \u{1F600}\n")]
            let row = try await database.write { connection in
                try connection.script("CREATE TABLE t (a TEXT, b BIGINT, c BIGINT, d DOUBLE PRECISION, e DOUBLE PRECISION, f TEXT, g TEXT)")
                try connection.query("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7)", values)
                return try connection.query("SELECT * FROM t WHERE b = $1 AND d = $2 AND g = $3", values[1], values[3], values[6])[0]
            }
            #expect(try "abcdefg".map { try row.value(String($0)) } == values)
            // A sum of whole numbers is `numeric` there, a comparison `boolean`; text has no place for U+0000.
            let sums = try await database.read {
                try $0.query("SELECT SUM(b) AS s, COUNT(*) AS n, 1 < 2 AS yes, $1 || '' AS t FROM t", .text("a\0b"))[0]
            }
            #expect(try sums.int("s") == .max && sums.int("n") == 1 && sums.bool("yes") && sums.text("t") == "a\u{FFFD}b")
        }
    }

    @Test func whatThrowsIsNotKeptAndErrorsSayWhichRule() async throws {
        struct Stop: Error {}
        try await withDatabase { database, _ in
            try await database.write { try $0.script("CREATE TABLE t (id TEXT PRIMARY KEY, n BIGINT CONSTRAINT positive CHECK (n > 0))") }
            await #expect(throws: Stop.self) {
                try await database.write { connection in
                    try connection.query("INSERT INTO t VALUES ('a', 1)")
                    throw Stop()
                }
            }
            try await database.write { try $0.query("INSERT INTO t VALUES ('a', 1)") }
            for (sql, rule) in [("INSERT INTO t VALUES ('a', 2)", "t_pkey"), ("INSERT INTO t VALUES ('secret', 0)", "positive")] {
                await #expect {
                    try await database.write { try $0.query(sql) }
                } throws: {
                    ($0 as? DatabaseError)?.isViolation == true && "\($0)".contains(rule) && !"\($0)".contains("secret")
                }
            }
            await #expect(throws: DatabaseError.self) { try await database.read { try $0.query("INSERT INTO t VALUES ('b', 1)") } }
            #expect(try await database.read { try $0.query("SELECT id FROM t").count } == 1)
        }
    }

    /// Each reads what the others write: without serialisation, or without trying again, increments are lost or fail.
    @Test func manyWritersComeOutAsIfOneAfterTheOther() async throws {
        try await withDatabase { database, url in
            try await database.write { try $0.script("CREATE TABLE t (id BIGINT, n BIGINT); INSERT INTO t VALUES (1, 0)") }
            let other = try open(url)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        try await (number % 2 == 0 ? database : other).write { connection in
                            let n = try connection.query("SELECT n FROM t WHERE id = 1")[0].int("n")
                            try connection.query("UPDATE t SET n = $1 WHERE id = 1", SQLValue(n + 1))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.read { try $0.query("SELECT n FROM t")[0].int("n") } == 40)
            try other.close()
        }
    }

    /// As when the server is restarted: every connection is cut, between transactions and within one.
    @Test func aLostConnectionCostsNothing() async throws {
        try await withDatabase { database, url in
            let killer = try open(url)
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = $1"
            let mine = try open(url + "&application_name=victim_\(UUID().uuidString)")
            let name = try await mine.write { connection in
                try connection.script("CREATE TABLE t (n BIGINT)")
                return try connection.query("SELECT current_setting('application_name') AS name")[0].text("name")
            }
            _ = try await killer.write { try $0.query(cut, .text(name)) }
            try await mine.write { try $0.query("INSERT INTO t VALUES (1)") }
            // Within a transaction, before its end: nothing is kept, so it is run again.
            let runs = Mutex(0)
            try await mine.write { connection in
                try connection.query("INSERT INTO t VALUES (2)")
                let run = runs.withLock { runs in
                    runs += 1
                    return runs
                }
                if run == 1 {
                    let own = try connection.query("SELECT pg_backend_pid() AS pid")[0].int("pid")
                    _ = try? connection.query("SELECT pg_terminate_backend($1::int)", SQLValue(own))
                    try connection.query("SELECT 1")
                }
            }
            #expect(runs.withLock { $0 } == 2)
            #expect(try await mine.read { try $0.query("SELECT n FROM t ORDER BY n").map { try $0.int("n") } } == [1, 2])
            try killer.close()
            try mine.close()
        }
    }

    @Test func aServerThatIsNotThereIsSaidWithoutThePassword() async throws {
        let address = try #require(PostgresAddress("postgres://someone:hunter2secret@127.0.0.1:1/nothing"))
        #expect(!address.description.contains("hunter2secret") && !address.description.contains("someone"))
        let database = PostgresDatabase(address)
        await #expect {
            try await database.read { try $0.query("SELECT 1") }
        } throws: {
            ($0 as? DatabaseError)?.isTransient == true && !"\($0)".contains("hunter2secret")
        }
        #expect(PostgresAddress("postgres://a:b@host:notaport/x") == nil && PostgresAddress("mysql://x") == nil)
        #expect(PostgresAddress("postgres://a:b@host/x?nonsense=1") == nil && PostgresAddress("postgres:///x?host=/run/postgresql") != nil)
    }

    @Test func manyStartAtOnceAndTheSchemaIsMadeOnce() async throws {
        let (url, vault) = (try await TestDatabase.newSchema(), try KeyVault(keys: Fernet.generateKey()))
        let stores = try await withThrowingTaskGroup(of: Store.self) { group in
            for _ in 0..<6 { group.addTask { try await Store(database: open(url), vault: vault) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        // Each entry of the list is applied, and by one of them: a second table of the same name is refused.
        let database = try open(url)
        let versions = try await database.read {
            try $0.query("SELECT version FROM schema_migrations ORDER BY version").map { try $0.int("version") }
        }
        #expect(versions == Array(1...Migrations.all.count))
        let columns = try await columns(of: database)
        try await withDatabase { alone, url in
            try await Store(database: open(url), vault: vault).close()
            #expect(try await columns == self.columns(of: alone), "as one that starts alone makes it")
        }
        // And all of them are on it.
        let user = try await stores[0].accounts(hasher: PasswordHasher(costExponent: 4)).create(email: "a@b", name: "a", password: "long enough")
        for (number, store) in stores.enumerated() {
            _ = try await store.user(user.id).createMinion(.sample("\(number)"))
            #expect(try await store.user(user.id).minions().items.count == number + 1)
            try store.close()
        }
        try database.close()
    }

    private func columns(of database: PostgresDatabase) async throws -> [String] {
        try await database.read { try TestDatabase.columns($0).map { "\($0.table).\($0.column)" }.sorted() }
    }

    /// A snapshot that one server process holds is given up when another writes, without waiting for its age.
    @Test func anotherProcessesWritesAreHeard() async throws {
        let url = try await TestDatabase.newSchema()
        let vault = try KeyVault(keys: Fernet.generateKey())
        let (here, there) = (try await Store(database: open(url), vault: vault), try await Store(database: open(url), vault: vault))
        let user = try await here.accounts(hasher: PasswordHasher(costExponent: 4)).create(email: "a@b", name: "a", password: "long enough")
        let (notices, continuation) = AsyncStream<DatabaseNotice>.makeStream()
        there.listen { continuation.yield($0) }
        let heard = Task { () -> DatabaseNotice? in
            for await notice in notices { return notice }
            return nil
        }
        // Listening begins a moment later: until then nothing is heard.
        var before = there.changes.version(of: user.id)
        while there.changes.version(of: user.id) == before {
            before = there.changes.version(of: user.id)
            _ = try await here.user(user.id).createMinion(.sample(UUID().uuidString))
            try await Task.sleep(for: .milliseconds(20))
        }
        guard case .message("changes", let payload) = await heard.value else { return #expect(Bool(false), "no message") }
        #expect(payload.hasSuffix(user.id))
        try here.close()
        try there.close()
    }

    /// What one server shows by a session ends when another one ends the session.
    @Test(.timeLimit(.minutes(10))) func aSessionThatAnotherProcessEndsIsHeard() async throws {
        let url = try await TestDatabase.newSchema()
        let vault = try KeyVault(keys: Fernet.generateKey())
        let (here, there) = (try await Store(database: open(url), vault: vault), try await Store(database: open(url), vault: vault))
        let ann = try await here.accounts(hasher: PasswordHasher(costExponent: 4)).create(email: "a@b", name: "a", password: "long enough")
        there.listen { _ in }
        // Listening begins a moment later: until then nothing is heard.
        let before = there.changes.version(of: ann.id)
        while there.changes.version(of: ann.id) == before {
            _ = try await here.user(ann.id).createMinion(.sample(UUID().uuidString))
            try await Task.sleep(for: .milliseconds(20))
        }
        let followed = try await Followed(there.accounts(hasher: PasswordHasher(costExponent: 4)), ann)
        try await here.accounts(hasher: PasswordHasher(costExponent: 4)).closeSession(followed.token)
        await #expect(throws: SessionEnded.self) { try await followed.task.value }
        try here.close()
        try there.close()
    }

    @Test func transactionsWaitForAConnectionAndACancelledOneGivesUpItsPlace() async throws {
        try await withDatabase { _, url in
            let small = try open(url, connections: 1)
            let (entered, enter) = AsyncStream<Void>.makeStream()
            let gate = DispatchSemaphore(value: 0)
            let holder = Task {
                try await small.read { _ in
                    enter.yield()
                    gate.wait()
                }
            }
            for await _ in entered { break }
            let waiting = Task { try await small.read { try $0.query("SELECT 1 AS one")[0].int("one") } }
            let cancelled = Task { try await small.read { try $0.query("SELECT 2 AS one")[0].int("one") } }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            gate.signal()
            try await holder.value
            #expect(try await waiting.value == 1)
            try small.close()
        }
    }
}
