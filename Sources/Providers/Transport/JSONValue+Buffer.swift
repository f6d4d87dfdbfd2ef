import Domain
import NIOCore

extension JSONValue {
    /// Parses the readable bytes. - Throws: ``JSONSyntaxError``.
    public init(parsing buffer: ByteBuffer, limits: JSONLimits = .standard) throws {
        self = try buffer.withUnsafeReadableBytes { try JSONValue(parsing: $0, limits: limits) }
    }

    /// Appends ``serialized()`` to `buffer`.
    public func write(into buffer: inout ByteBuffer) { buffer.writeBytes(serializedBytes()) }

    /// ``serialized()`` in a buffer of its own.
    public func buffer() -> ByteBuffer { ByteBuffer(bytes: serializedBytes()) }
}
