/// A fast hash of 128 bits, of which the seen-set keeps 96: two independent chains of 64 × 64 → 128-bit multiplications, the mixing step of
/// Wang Yi's wyhash, from a random seed.
///
/// Not cryptographic. Among n different examples one is wrongly taken for a duplicate with a probability of about n² / 2⁹⁷: 10⁻¹⁷ for a
/// million. It decides warnings alone; what is merged or removed is told apart by SHA-256.
struct Fingerprint {
    private var a: UInt64
    private var b: UInt64

    /// A chain that nothing was added to; those to be compared begin with the same one.
    init() { (a, b) = (.random(in: 1 ... .max), .random(in: 1 ... .max)) }

    @inline(__always)
    private static func mix(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let product = x.multipliedFullWidth(by: y)
        return product.high ^ product.low
    }

    @inline(__always)
    mutating func add(_ x: UInt64, _ y: UInt64) {
        a = Self.mix(x ^ 0xA076_1D64_78BD_642F ^ a, y ^ 0xE703_7ED1_A0B4_28DB)
        b = Self.mix(y ^ 0x8EBC_6AF0_9C88_C6E3 ^ b, x ^ 0x5899_65CC_7537_4CC3)
    }

    /// A text and what tells it from its neighbours. ``PaddedBytes/padding`` bytes behind it must be readable.
    @inline(__always)
    mutating func add(_ text: Bytes, tag: UInt64) {
        add(UInt64(text.count), tag)
        guard let base = text.baseAddress else { return }
        let p = UnsafeRawPointer(base)
        var i = 0
        while i + 16 <= text.count {
            add(p.loadUnaligned(fromByteOffset: i, as: UInt64.self), p.loadUnaligned(fromByteOffset: i + 8, as: UInt64.self))
            i += 16
        }
        let rest = text.count - i
        if rest > 0 {
            let low = p.loadUnaligned(fromByteOffset: i, as: UInt64.self)
            let high = p.loadUnaligned(fromByteOffset: i + 8, as: UInt64.self)
            add(rest >= 8 ? low : low & (1 << (8 * UInt64(rest)) - 1), rest <= 8 ? 0 : high & (1 << (8 * UInt64(rest - 8)) - 1))
        }
    }

    var value: (high: UInt64, low: UInt32) {
        var last = self
        last.add(b, a)
        return (last.a, UInt32(truncatingIfNeeded: last.b >> 32))
    }
}
