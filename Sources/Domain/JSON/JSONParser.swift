/// How much one JSON text may hold. Three bytes of text can become a hundred in memory, so a bound on the bytes alone is none
/// on the memory.
public struct JSONLimits: Sendable {
    /// Objects, arrays and members of objects together: what has memory of its own.
    public var nodes: Int
    /// Elements of arrays together.
    public var elements: Int

    public init(nodes: Int, elements: Int) {
        self.nodes = nodes
        self.elements = elements
    }

    /// Many times what a long conversation or a vendor's list of models needs; some 100 MB of memory at most.
    public static let standard = JSONLimits(nodes: 250_000, elements: 1_000_000)
    /// For replies that are made of numbers: as many vectors as fit in the largest reply.
    public static let vectors = JSONLimits(nodes: 250_000, elements: 16_000_000)
}

/// A strict parser of RFC 8259 in one pass over bytes that lie side by side.
///
/// Refused are trailing bytes, invalid UTF-8, lone surrogates, raw control characters, numbers beyond
/// `Double`, nesting deeper than ``maximumDepth``, and more than its ``JSONLimits``. One leading byte order mark is
/// passed over.
struct JSONParser {
    /// Arrays and objects inside one another; a bound on the recursion.
    static let maximumDepth = 512

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private let limits: JSONLimits
    private var nodes = 0
    private var elements = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    static func parse(_ raw: UnsafeRawBufferPointer, limits: JSONLimits = .standard) throws(JSONSyntaxError) -> JSONValue {
        var parser = JSONParser(raw.assumingMemoryBound(to: UInt8.self), limits)
        if parser.bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.position = 3 }
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.position == parser.bytes.count else { throw parser.error("unexpected bytes after the JSON text") }
        return value
    }

    private func error(_ reason: String) -> JSONSyntaxError {
        position < bytes.count ? JSONSyntaxError(reason, offset: position) : JSONSyntaxError("the JSON text ends too early", offset: position)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        skipBlanks()
        switch next {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case .some(let byte) where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
            var numbers = JSONNumberParser(bytes, at: position)
            let number = try numbers.parse()
            position = numbers.position
            return number
        default: throw error("expected a value")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        for index in 0..<word.utf8CodeUnitCount {
            guard next == word.utf8Start[index] else { throw error("expected a value") }
            position += 1
        }
        return value
    }

    private mutating func countNode() throws(JSONSyntaxError) {
        nodes += 1
        guard nodes <= limits.nodes else { throw error("more than \(limits.nodes) objects, lists and members") }
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> [JSONValue] {
        guard depth <= Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth) levels") }
        try countNode()
        position += 1
        skipBlanks()
        var elements: [JSONValue] = []
        if next == UInt8(ascii: "]") {
            position += 1
            return elements
        }
        while true {
            self.elements += 1
            guard self.elements <= limits.elements else { throw error("more than \(limits.elements) elements of lists") }
            elements.append(try value(depth: depth))
            skipBlanks()
            switch next {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return elements
            default: throw error("expected , or ]")
            }
        }
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> [String: JSONValue] {
        guard depth <= Self.maximumDepth else { throw error("nested deeper than \(Self.maximumDepth) levels") }
        try countNode()
        position += 1
        skipBlanks()
        var members: [String: JSONValue] = [:]
        if next == UInt8(ascii: "}") {
            position += 1
            return members
        }
        members.reserveCapacity(6)  // One allocation for most objects instead of four.
        while true {
            guard next == UInt8(ascii: "\"") else { throw error("expected a name in double quotes") }
            try countNode()
            let name = try string()
            skipBlanks()
            guard next == UInt8(ascii: ":") else { throw error("expected :") }
            position += 1
            // The last of several members of one name holds.
            members[name] = try value(depth: depth)
            skipBlanks()
            switch next {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return members
            default: throw error("expected , or }")
            }
            skipBlanks()
        }
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        position += 1
        let start = position
        var isASCII = true
        position = JSONStringScan.plainPrefix(bytes, from: position, isASCII: &isASCII)
        guard next == UInt8(ascii: "\"") else { return try escapedString(from: start) }
        let text = try text(UnsafeBufferPointer(rebasing: bytes[start..<position]), isASCII: isASCII, start: start)
        position += 1
        return text
    }

    /// A string with escapes, of which the bytes up to `position` are plain.
    private mutating func escapedString(from start: Int) throws(JSONSyntaxError) -> String {
        var unescaped = [UInt8]()
        unescaped.reserveCapacity(2 * (position - start) + 32)
        unescaped.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<position]))
        var isASCII = false
        while true {
            switch next {
            case UInt8(ascii: "\""):
                let text: String? = unescaped.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
                guard let text else { throw JSONSyntaxError("a string is not UTF-8", offset: start) }
                position += 1
                return text
            case UInt8(ascii: "\\"): try escape(into: &unescaped)
            default: throw error("a control character must be escaped")
            }
            let run = position
            position = JSONStringScan.plainPrefix(bytes, from: position, isASCII: &isASCII)
            unescaped.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[run..<position]))
        }
    }

    private func text(_ bytes: UnsafeBufferPointer<UInt8>, isASCII: Bool, start: Int) throws(JSONSyntaxError) -> String {
        if isASCII { return String(decoding: bytes, as: UTF8.self) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw JSONSyntaxError("a string is not UTF-8", offset: start) }
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        position += 1
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(bytes[position])
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            return text.append(contentsOf: Unicode.UTF8.encode(try scalar())!)
        default: throw error("unknown escape")
        }
        position += 1
    }

    /// The scalar of `\uXXXX`, or of two of them that are a surrogate pair; `position` is on its first digit.
    private mutating func scalar() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = position
        let first = try codeUnit()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, next == UInt8(ascii: "\\"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u") else {
            throw JSONSyntaxError("a surrogate without its other half", offset: start)
        }
        position += 2
        let second = try codeUnit()
        guard (0xDC00...0xDFFF).contains(second) else { throw JSONSyntaxError("a surrogate without its other half", offset: start) }
        return Unicode.Scalar(0x10000 + ((UInt32(first) & 0x3FF) << 10) + (UInt32(second) & 0x3FF))!
    }

    private mutating func codeUnit() throws(JSONSyntaxError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            switch next {
            case .some(let byte) where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): unit = unit << 4 | UInt16(byte - UInt8(ascii: "0"))
            case .some(let byte) where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20):
                unit = unit << 4 | UInt16((byte | 0x20) - UInt8(ascii: "a") + 10)
            default: throw error("expected four hexadecimal digits")
            }
            position += 1
        }
        return unit
    }
}
