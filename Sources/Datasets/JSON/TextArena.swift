/// Room for one record's decoded texts. What was handed out stays where it is until `reset`.
struct TextArena: ~Copyable {
    private var block: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var used = 0
    private var outgrown: [UnsafeMutablePointer<UInt8>] = []

    init(capacity: Int = 1 << 16) {
        self.capacity = capacity
        block = Self.allocate(capacity)
    }

    deinit {
        block.deallocate()
        for old in outgrown { old.deallocate() }
    }

    mutating func reset() {
        used = 0
        guard !outgrown.isEmpty else { return }
        for old in outgrown { old.deallocate() }
        outgrown.removeAll()
    }

    /// `count` bytes with ``PaddedBytes/padding`` readable ones behind.
    mutating func take(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        if used + count > capacity {
            outgrown.append(block)
            capacity = max(count, min(capacity * 2, 1 << 22))
            block = Self.allocate(capacity)
            used = 0
        }
        defer { used += count }
        return block + used
    }

    /// Gives back what was taken last but not needed.
    mutating func giveBack(_ count: Int) { used -= count }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
        let block = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + PaddedBytes.padding)
        (block + capacity).initialize(repeating: 0, count: PaddedBytes.padding)
        return block
    }
}
