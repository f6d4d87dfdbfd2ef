import NIOCore

/// Writes JSON of a known shape straight into bytes: what a value of ``JSONValue`` would cost in
/// dictionaries is most of the time a short reply takes.
struct JSONBytes {
    private(set) var buffer: ByteBuffer

    init(capacity: Int = 512) { buffer = ByteBufferAllocator().buffer(capacity: capacity) }

    /// Text that is JSON already.
    mutating func raw(_ text: StaticString) { buffer.writeStaticString(text) }

    /// Bytes that are JSON already.
    mutating func raw(_ bytes: ByteBuffer) { buffer.writeImmutableBuffer(bytes) }

    mutating func raw(_ text: String) { buffer.writeString(text) }

    mutating func integer(_ value: Int) { buffer.writeString(String(value)) }

    /// A JSON string; only what JSON demands is escaped (RFC 8259, section 7).
    mutating func string(_ text: String) {
        var text = text
        buffer.writeInteger(UInt8(ascii: "\""))
        text.withUTF8 { bytes in
            var start = 0
            for (index, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
                buffer.writeBytes(bytes[start..<index])
                start = index + 1
                switch byte {
                case 0x22: buffer.writeStaticString("\\\"")
                case 0x5C: buffer.writeStaticString("\\\\")
                case 0x0A: buffer.writeStaticString("\\n")
                case 0x0D: buffer.writeStaticString("\\r")
                case 0x09: buffer.writeStaticString("\\t")
                default:
                    buffer.writeStaticString("\\u00")
                    buffer.writeInteger(Self.digit(byte >> 4))
                    buffer.writeInteger(Self.digit(byte & 15))
                }
            }
            buffer.writeBytes(bytes[start...])
        }
        buffer.writeInteger(UInt8(ascii: "\""))
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }
}
