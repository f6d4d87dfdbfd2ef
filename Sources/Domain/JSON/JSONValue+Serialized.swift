extension JSONValue: CustomStringConvertible {
    /// Compact JSON text, equal for equal values: members sorted by their names' Unicode scalars,
    /// slashes left alone. A number JSON cannot express (NaN, infinity) becomes `null`.
    public func serialized() -> String { String(decoding: serializedBytes(), as: UTF8.self) }

    /// ``serialized()`` as UTF-8.
    public func serializedBytes() -> [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }

    public var description: String { serialized() }
}
