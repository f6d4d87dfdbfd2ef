import CVectorScan

/// Layout of a row of vectors.i8: scale and error as float32, then one signed byte per dimension, padded
/// to a multiple of 16.
///
/// value ≈ scale × byte. `error` is the length of what rounding took away, so a product with a vector of
/// length 1 is off by at most that (Cauchy–Schwarz). It makes the search over these rows exact: see
/// `VectorScan`.
enum QuantisedRow {
    static let header = 8

    static func stride(_ dimension: Int) -> Int { (header + dimension + 15) / 16 * 16 }

    /// Rows of `values`, one after another.
    static func encode(_ values: [Float], dimension: Int) -> [UInt8] {
        let stride = stride(dimension)
        var bytes = [UInt8](repeating: 0, count: values.count / dimension * stride)
        bytes.withUnsafeMutableBytes { bytes in
            values.withUnsafeBufferPointer { values in
                for row in 0..<values.count / dimension {
                    let target = bytes.baseAddress! + row * stride
                    vector_quantise(
                        values.baseAddress! + row * dimension, dimension, (target + header).assumingMemoryBound(to: Int8.self),
                        target.assumingMemoryBound(to: Float.self), (target + 4).assumingMemoryBound(to: Float.self))
                }
            }
        }
        return bytes
    }
}
