import CVectorScan

/// Inner product of two float rows.
enum DotProduct {
    static func of(_ first: UnsafeRawPointer, _ second: UnsafeRawPointer, count: Int) -> Float {
        vector_scan_dot(first.assumingMemoryBound(to: Float.self), second.assumingMemoryBound(to: Float.self), count)
    }
}
