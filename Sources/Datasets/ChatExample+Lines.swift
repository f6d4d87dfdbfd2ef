import Crypto
import Domain

extension ChatExample {
    /// The normalised record: `{"messages":[…],…}` in one line without its end. `atelier_source` holds the record of another format.
    public func line() -> [UInt8] {
        var output = PaddedBytes()
        write(to: &output)
        return Array(output.bytes)
    }

    func write(to output: inout PaddedBytes, source withSource: Bool = true) {
        output.append("{\"messages\":[")
        for (index, message) in messages.enumerated() {
            if index > 0 { output.append(0x2C) }
            message.write(to: &output)
        }
        output.append(0x5D)
        for field in fields { field.write(to: &output) }
        if withSource, let source {
            output.append(",\"atelier_source\":{\"format\":\"")
            output.append(source.format.rawValue)
            output.append("\",\"record\":")
            output.append(source.record)
            output.append(0x7D)
        }
        output.append(0x7D)
    }

    /// SHA-256, in hex, of what is learned from: the messages with all their fields, and the tools. Keys are sorted, white space and
    /// escapes are those of ``line()``; other fields of the record and the format it came in do not count.
    public var id: String {
        var output = PaddedBytes()
        CanonicalForm.write(self, to: &output)
        return SHA256.hash(data: UnsafeRawBufferPointer(output.bytes)).hex
    }

    /// The first 128 bits of ``id``, for sets of many.
    var shortID: (UInt64, UInt64) {
        var output = PaddedBytes()
        CanonicalForm.write(self, to: &output)
        return SHA256.hash(data: UnsafeRawBufferPointer(output.bytes)).withUnsafeBytes {
            ($0.loadUnaligned(as: UInt64.self).bigEndian, $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian)
        }
    }
}

extension ChatExample.Message {
    func write(to output: inout PaddedBytes, roleKey: StaticString = "role", role: String? = nil, contentKey: StaticString = "content") {
        output.append("{\"")
        output.append(roleKey)
        output.append("\":\"")
        output.append(role ?? self.role.rawValue)
        output.append(0x22)
        if let content {
            output.append(",\"")
            output.append(contentKey)
            output.append("\":")
            JSONText.quote(content, to: &output)
        }
        for field in fields { field.write(to: &output) }
        output.append(0x7D)
    }
}

extension JSONField {
    /// With the comma before it.
    func write(to output: inout PaddedBytes) {
        output.append(0x2C)
        JSONText.quote(name, to: &output)
        output.append(0x3A)
        output.append(json)
    }
}
