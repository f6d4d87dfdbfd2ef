/// Inner product of two float rows.
enum DotProduct {
    /// Sums 16 lanes at a time into two accumulators, which hides the latency of the additions.
    /// Multiplication and addition stay apart: a fused one falls back to a library call on processors
    /// without the instruction.
    @inline(__always)
    static func of(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, count: Int) -> Float {
        let stride = MemoryLayout<SIMD16<Float>>.size
        var even = SIMD16<Float>.zero
        var odd = SIMD16<Float>.zero
        var index = 0
        while index + 32 <= count {
            let offset = index * 4
            even +=
                first.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self)
                * second.loadUnaligned(fromByteOffset: offset, as: SIMD16<Float>.self)
            odd +=
                first.loadUnaligned(fromByteOffset: offset + stride, as: SIMD16<Float>.self)
                * second.loadUnaligned(fromByteOffset: offset + stride, as: SIMD16<Float>.self)
            index += 32
        }
        var sum = (even + odd).sum()
        while index < count {
            sum +=
                first.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
                * second.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
            index += 1
        }
        return sum
    }
}
