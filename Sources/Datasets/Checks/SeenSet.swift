#if canImport(Glibc)
import Glibc
#endif

/// Fingerprints and the line each was first seen on: open addressing, 16 bytes a slot, at most three quarters full.
struct SeenSet: ~Copyable {
    struct Entry {
        var high: UInt64
        var low: UInt32
        /// 0 is an empty slot; lines from 4,294,967,295 on are told as that.
        var line: UInt32
    }
    private var slots: UnsafeMutablePointer<Entry>
    private var mask: Int
    private(set) var count = 0
    let limit: Int

    /// - Parameter limit: entries it takes; more are refused.
    init(limit: Int) {
        self.limit = max(16, limit)
        mask = 1023
        slots = Self.allocate(1024)
    }

    deinit { slots.deallocate() }

    enum Answer: Equatable {
        case new, full
        case seen(line: Int)
    }

    mutating func insert(high: UInt64, low: UInt32, line: Int) -> Answer {
        var at = Int(truncatingIfNeeded: high) & mask
        while slots[at].line != 0 {
            if slots[at].high == high, slots[at].low == low { return .seen(line: Int(slots[at].line)) }
            at = (at + 1) & mask
        }
        guard count < limit else { return .full }
        slots[at] = Entry(high: high, low: low, line: UInt32(clamping: max(1, line)))
        count += 1
        if count * 4 > (mask + 1) * 3 { grow() }
        return .new
    }

    mutating func removeAll() {
        slots.initialize(repeating: Entry(high: 0, low: 0, line: 0), count: mask + 1)
        count = 0
    }

    private mutating func grow() {
        let old = slots
        let oldSize = mask + 1
        mask = oldSize * 2 - 1
        slots = Self.allocate(oldSize * 2)
        for index in 0..<oldSize where old[index].line != 0 {
            var at = Int(truncatingIfNeeded: old[index].high) & mask
            while slots[at].line != 0 { at = (at + 1) & mask }
            slots[at] = old[index]
        }
        old.deallocate()
    }

    private static func allocate(_ size: Int) -> UnsafeMutablePointer<Entry> {
        let bytes = size * MemoryLayout<Entry>.stride
        let page = 2 << 20
        // Places in the table are random: with pages of 2 MiB few of the looks miss the processor's page table.
        let room = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: bytes >= page ? page : 16)
        #if os(Linux)
        if bytes >= page { madvise(room, bytes, MADV_HUGEPAGE) }
        #endif
        let slots = room.bindMemory(to: Entry.self, capacity: size)
        slots.initialize(repeating: Entry(high: 0, low: 0, line: 0), count: size)
        return slots
    }
}
