import Foundation

/// Which adapters are asked for, and when each was last.
struct AdapterDemand: Sendable {
    private let capacity: Int
    /// Most recently asked for last.
    private var entries: [(path: String, asked: ContinuousClock.Instant)] = []

    init(capacity: Int) { self.capacity = capacity }

    mutating func ask(_ path: String, at now: ContinuousClock.Instant) {
        entries.removeAll { $0.path == path }
        entries.append((path, now))
    }

    func holds(_ path: String) -> Bool { entries.contains { $0.path == path } }

    mutating func forget(where matches: (String) -> Bool) { entries.removeAll { matches($0.path) } }

    /// The most recently asked for, as many as fit, whose files are there; the others are forgotten.
    mutating func toLoad(isThere: (String) -> Bool = { FileManager.default.fileExists(atPath: $0) }) -> [String] {
        entries = Array(entries.filter { isThere($0.path) }.suffix(capacity))
        return entries.map(\.path)
    }

    /// Forgets those that were not asked for in so long, and says which.
    mutating func dropIdle(longerThan limit: Duration, at now: ContinuousClock.Instant) -> [String] {
        let idle = entries.filter { now - $0.asked > limit }.map(\.path)
        entries.removeAll { now - $0.asked > limit }
        return idle
    }
}
