import Foundation

/// Parquet is read by the engine (`engine/documents/parquet.py` writes it as JSONL); here it is only told from the rest.
public enum ParquetFile {
    /// Whether a file begins as Parquet does.
    /// - Throws: errors of the file system.
    public static func matches(_ url: URL) throws -> Bool {
        let handle = try FileHandle(forReadingFrom: url)
        defer { try? handle.close() }
        return try handle.read(upToCount: 4) == Data("PAR1".utf8)
    }
}
