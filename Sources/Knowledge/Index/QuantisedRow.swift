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
                    let source = values[row * dimension..<(row + 1) * dimension]
                    let target = row * stride
                    let largest = source.reduce(Float.leastNormalMagnitude) { max($0, abs($1)) }
                    let scale = largest / 127
                    var squares: Float = 0
                    for (index, value) in source.enumerated() {
                        let byte = Int8((value / scale).rounded())
                        let lost = value - Float(byte) * scale
                        squares += lost * lost
                        bytes.storeBytes(of: byte, toByteOffset: target + header + index, as: Int8.self)
                    }
                    bytes.storeBytes(of: scale, toByteOffset: target, as: Float.self)
                    bytes.storeBytes(of: squares.squareRoot(), toByteOffset: target + 4, as: Float.self)
                }
            }
        }
        return bytes
    }
}
