import Foundation

/// A process that runs jobs, as it announces itself.
public struct WorkerRecord: Sendable, Encodable, Identifiable, Equatable {
    public var id: String { name }
    /// `host:process id:random`.
    public var name: String
    public var host: String
    public var pid: Int
    /// `server` or `worker`.
    public var kind: String
    /// How many jobs its machine runs at once.
    public var jobSlots: Int
    public var startedAt: Date
    public var lastSeenAt: Date
    /// Whether it was seen within the last half minute.
    public var isAlive: Bool
    /// Ids of the jobs it holds.
    public var runningJobs: [String]

    /// Between a worker's name and what tells its attempts at jobs apart, in a job's `lease_owner`.
    public static let attemptMark = "#"

    /// Whose attempt it is that holds a lease under this name.
    public static func name(ofOwner owner: String) -> String { owner.split(separator: attemptMark, maxSplits: 1).first.map(String.init) ?? owner }

    init(row: Row, runningJobs: [String], now: Date) throws {
        name = try row.text("name")
        host = try row.text("host")
        pid = try row.int("pid")
        kind = try row.text("kind")
        jobSlots = try row.int("job_slots")
        startedAt = try row.date("started_at")
        lastSeenAt = try row.date("last_seen")
        isAlive = now.timeIntervalSince(lastSeenAt) < 30
        self.runningJobs = runningJobs
    }

    enum CodingKeys: String, CodingKey { case name, host, pid, kind, jobSlots, startedAt, lastSeenAt, isAlive, runningJobs }
}

/// Who runs jobs: announced by every worker, and kept while it lives.
public struct WorkerTable: Sendable {
    let database: any Database

    /// Says that the worker is there. Workers not seen for an hour are forgotten.
    public func announce(name: String, host: String, pid: Int, kind: String, jobSlots: Int, now: Date = Date()) async throws {
        try await database.write(.rowLocks) { connection in
            try connection.query(
                """
                INSERT INTO workers (name, host, pid, kind, job_slots, started_at, last_seen) VALUES ($1, $2, $3, $4, $5, $6, $6)
                ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen, job_slots = excluded.job_slots
                """, .text(name), .text(host), SQLValue(pid), .text(kind), SQLValue(jobSlots), SQLValue(now))
            try connection.query("DELETE FROM workers WHERE last_seen < $1", SQLValue(now.addingTimeInterval(-3600)))
        }
    }

    public func leave(name: String) async throws {
        try await database.write(.rowLocks) { try $0.query("DELETE FROM workers WHERE name = $1", .text(name)) }
    }

    /// The newest first.
    public func list(now: Date = Date()) async throws -> [WorkerRecord] {
        try await database.read { connection in
            var running: [String: [String]] = [:]
            for row in try connection.query("SELECT id, lease_owner FROM external_training_jobs WHERE status = 'RUNNING' ORDER BY id") {
                if let owner = try row.optionalText("lease_owner") {
                    running[WorkerRecord.name(ofOwner: owner), default: []].append(try row.text("id"))
                }
            }
            return try connection.query("SELECT * FROM workers ORDER BY started_at DESC, name").readable {
                try WorkerRecord(row: $0, runningJobs: running[$0.text("name")] ?? [], now: now)
            }
        }
    }
}

extension Store {
    public var workers: WorkerTable { WorkerTable(database: database) }
}
