/// The best `capacity` of a stream of chunks, in a binary heap whose root is the worst of them.
struct TopK: Sendable {
    private let capacity: Int
    private var heap: [RankedChunk] = []

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        heap.reserveCapacity(self.capacity)
    }

    /// Best first.
    var sorted: [RankedChunk] {
        heap.sorted { $0.precedes($1) }
    }

    /// Score below which nothing is taken any more; lowest while there is room.
    var threshold: Float {
        heap.count < capacity ? -.greatestFiniteMagnitude : Float(heap[0].score)
    }

    mutating func insert(_ chunk: RankedChunk) {
        if heap.count < capacity {
            heap.append(chunk)
            siftUp()
        } else if chunk.precedes(heap[0]) {
            heap[0] = chunk
            siftDown()
        }
    }

    mutating func merge(_ other: TopK) {
        for chunk in other.heap { insert(chunk) }
    }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[parent].precedes(heap[child]) else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var worst = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[worst].precedes(heap[child]) {
                worst = child
            }
            if worst == parent { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }
}
