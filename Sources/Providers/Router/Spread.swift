import Domain
import Foundation

extension Spread {
    /// Share of calls that explore, with ``leastLatency``.
    static let exploration = 0.05

    /// The members' indices, first choice first.
    /// - Parameter random: from 0 up to but not including 1.
    func order(_ members: [Candidate], random: () -> Double) -> [Int] {
        guard members.count > 1 else { return Array(members.indices) }
        var scores: [Double]
        switch self {
        case .weighted:
            // A race of exponential clocks: the first is i with probability weight_i / sum, and so on down
            // (Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006).
            scores = members.map { -log(1 - random()) / $0.weight }
        case .leastLatency:
            scores = members.map { $0.latency ?? -1 }
            if random() < Self.exploration { scores[min(members.count - 1, Int(random() * Double(members.count)))] = -2 }
        }
        return members.indices.sorted {
            (members[$0].preference, scores[$0], $0) < (members[$1].preference, scores[$1], $1)
        }
    }

    /// A route as the spread sees it.
    struct Candidate {
        var weight: Double
        /// Milliseconds to the first token; infinite where it has only ever failed.
        var latency: Double?
        /// The vendor has asked for a pause that is not over.
        var isCooling = false
        /// Its circuit waits for one call to find out whether it works again. That call comes first: were
        /// it left to the end, a route beside a healthy one would never come back.
        var awaitsProbe = false

        /// What goes before the scores; lower is better.
        var preference: Int { awaitsProbe ? 0 : isCooling ? 2 : weight > 0 ? 1 : 3 }
    }
}
