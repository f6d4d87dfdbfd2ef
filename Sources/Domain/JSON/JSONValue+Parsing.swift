import Foundation

extension JSONValue {
    /// Parses one JSON text (RFC 8259; a bare scalar is a text too), which must be UTF-8.
    /// - Throws: ``JSONSyntaxError`` where the bytes are not JSON.
    public init(parsing data: Data) throws {
        self = try data.withUnsafeBytes { try JSONParser.parse($0) }
    }

    /// Parses `bytes` within bounds of the caller's. - Throws: ``JSONSyntaxError``.
    public init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits = .standard) throws {
        self = try JSONParser.parse(bytes, limits: limits)
    }

    /// - Throws: ``JSONSyntaxError``.
    public init(parsing bytes: [UInt8]) throws {
        self = try bytes.withUnsafeBytes { try JSONParser.parse($0) }
    }

    /// - Throws: ``JSONSyntaxError``.
    public init(parsing text: String) throws {
        var text = text
        self = try text.withUTF8 { try JSONParser.parse(UnsafeRawBufferPointer($0)) }
    }
}
