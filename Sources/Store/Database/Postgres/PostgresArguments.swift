import CPostgres

/// Parameters as libpq takes them: each with the type its value has, integers and numbers as text, text as
/// its bytes.
struct PostgresArguments {
    /// Object ids of the types (`pg_type.h`); 0 leaves a null's type to the statement.
    let types: [Oid]
    /// One character a parameter.
    let signature: String
    private let bytes: [UInt8]
    private let ranges: [(offset: Int, length: Int)?]

    init(_ parameters: [SQLValue]) {
        var types: [Oid] = []
        var signature: [UInt8] = []
        var bytes: [UInt8] = []
        var ranges: [(offset: Int, length: Int)?] = []
        func append(_ type: Oid, _ letter: Character, _ content: some Sequence<UInt8>) {
            types.append(type)
            signature.append(letter.asciiValue!)
            let offset = bytes.count
            bytes.append(contentsOf: content)
            ranges.append((offset, bytes.count - offset))
            bytes.append(0)
        }
        for parameter in parameters {
            switch parameter {
            case .null:
                types.append(0)
                signature.append(UInt8(ascii: "n"))
                ranges.append(nil)
            case .integer(let value): append(20, "i", "\(value)".utf8)
            case .real(let value): append(701, "r", Self.number(value).utf8)
            case .text(let value):
                // PostgreSQL's text has no place for U+0000; the sign for a character that cannot be shown has its place.
                if value.utf8.contains(0) {
                    append(25, "t", value.replacing("\0", with: "\u{FFFD}").utf8)
                } else {
                    append(25, "t", value.utf8)
                }
            }
        }
        self.types = types
        self.signature = String(decoding: signature, as: UTF8.self) + ":"
        self.bytes = bytes
        self.ranges = ranges
    }

    func withPointers<T>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) throws -> T
    ) rethrows -> T {
        try bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let values: [UnsafePointer<CChar>?] = ranges.map { range in range.flatMap { base?.advanced(by: $0.offset) } }
            let lengths = ranges.map { Int32($0?.length ?? 0) }
            let formats = types.map { Int32($0 == 25 ? 1 : 0) }
            return try body(values, lengths, formats)
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "Infinity" : "-Infinity" }
        return "\(value)"
    }
}
