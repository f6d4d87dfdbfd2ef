import Synchronization

/// Counts values in fixed buckets. An observation is a search among the bounds and two atomic
/// additions: no lock, no allocation.
final class Histogram: @unchecked Sendable {
    // Unchecked because of the pointer alone: it is set once, and what it points to is atomic.
    private let counts: UnsafeMutablePointer<Atomic<Int>>
    private let total = Atomic<Int>(0)
    /// Inclusive upper bounds, ascending, in the unit of the values; beyond the last is one more bucket.
    let bounds: [Int]

    init(_ bounds: [Int]) {
        self.bounds = bounds
        counts = .allocate(capacity: bounds.count + 1)
        for index in 0...bounds.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: bounds.count + 1)
        counts.deallocate()
    }

    func observe(_ value: Int) {
        var low = 0
        var high = bounds.count
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] < value { low = middle + 1 } else { high = middle }
        }
        counts[low].wrappingAdd(1, ordering: .relaxed)
        total.wrappingAdd(value, ordering: .relaxed)
    }

    struct Snapshot: Equatable {
        /// Of each bucket by itself, the one beyond the last bound included.
        var counts: [Int]
        var sum: Int
    }

    var snapshot: Snapshot {
        Snapshot(counts: (0...bounds.count).map { counts[$0].load(ordering: .relaxed) }, sum: total.load(ordering: .relaxed))
    }
}
