import CVectorScan

/// Layout of a row of vectors.b1: three floats and four bytes of zeros, then one bit per dimension, padded to
/// a multiple of 16 bytes. For 384 dimensions that is one cache line, a sixth of the row of bytes.
///
/// The bits are the signs of the row in a `SketchSpace`. With them a product with another vector is estimated,
/// and how far that may be off is known (RaBitQ; Gao and Long, SIGMOD 2024): see `SketchedQuery`.
enum SketchRow {
    static func words(_ dimension: Int) -> Int { (dimension + 63) / 64 }

    static func stride(_ dimension: Int) -> Int {
        (MemoryLayout<vector_sketch_head>.size + words(dimension) * 8 + 15) / 16 * 16
    }

    /// Sketches of the rows of `values`, one after another.
    static func encode(_ values: UnsafeBufferPointer<Float>, in space: SketchSpace) -> [UInt8] {
        let dimension = space.dimension
        let stride = stride(dimension)
        let count = values.count / dimension
        var turned = [Float](repeating: 0, count: dimension)
        var scratch = turned
        return [UInt8](unsafeUninitializedCapacity: count * stride) { bytes, initialised in
            bytes.initialize(repeating: 0)
            for row in 0..<count {
                let values = values.baseAddress! + row * dimension
                let target = UnsafeMutableRawPointer(bytes.baseAddress!) + row * stride
                let offset = space.turn(values, into: &turned, scratch: &scratch)
                vector_sketch(
                    turned, dimension, offset, target.assumingMemoryBound(to: vector_sketch_head.self),
                    (target + MemoryLayout<vector_sketch_head>.size).assumingMemoryBound(to: UInt64.self))
            }
            initialised = count * stride
        }
    }
}
