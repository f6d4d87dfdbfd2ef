/// The tokens of one text, and the scanner that makes them: the whole of RFC 8259 and UTF-8 is checked, nothing is decoded.
///
/// More strict than the RFC in one thing: half of a surrogate pair is refused, since it is no text in any encoding.
package struct JSONTape: ~Copyable {
    package static let maxDepth = 512
    /// 16 bytes each.
    package static let maxTokens = 1 << 20

    private(set) var tokens: UnsafeMutablePointer<JSONToken>
    private var capacity: Int
    private(set) var count = 0
    /// The open objects and lists, by token.
    private let open: UnsafeMutablePointer<UInt32>
    private var depth = 0

    package init() {
        capacity = 256
        tokens = .allocate(capacity: capacity)
        open = .allocate(capacity: Self.maxDepth)
    }

    deinit {
        tokens.deallocate()
        open.deallocate()
    }

    package subscript(index: Int) -> JSONToken { tokens[index] }

    /// Scans one value with nothing but white space around it. ``PaddedBytes/padding`` bytes behind the end must be readable.
    package mutating func scan(_ text: Bytes) -> JSONFailure? {
        count = 0
        depth = 0
        guard let p = text.baseAddress else { return JSONFailure(reason: .ends(.value), offset: 0) }
        let n = text.count
        var i = 0
        var wantsKey = false
        while true {
            JSONScan.skipSpace(p, &i, n)
            if wantsKey {
                guard i < n else { return JSONFailure(reason: .ends(.key), offset: i) }
                guard p[i] == 0x22 else { return JSONFailure(reason: .unexpected(.key), offset: i) }
                if let failure = string(p, &i, n) { return failure }
                JSONScan.skipSpace(p, &i, n)
                guard i < n else { return JSONFailure(reason: .ends(.colon), offset: i) }
                guard p[i] == 0x3A else { return JSONFailure(reason: .unexpected(.colon), offset: i) }
                i += 1
                JSONScan.skipSpace(p, &i, n)
                wantsKey = false
            }
            guard i < n else { return JSONFailure(reason: .ends(.value), offset: i) }
            var opened = false
            switch p[i] {
            case 0x22:
                if let failure = string(p, &i, n) { return failure }
            case 0x7B, 0x5B:
                let isObject = p[i] == 0x7B
                if let failure = push(isObject ? .object : .array, at: i) { return failure }
                i += 1
                JSONScan.skipSpace(p, &i, n)
                if i < n, p[i] == (isObject ? 0x7D : 0x5D) {
                    close(&i)
                } else {
                    opened = true
                    wantsKey = isObject
                }
            default:
                if let failure = scalar(p, &i, n) { return failure }
            }
            if opened { continue }
            // Behind a value: a comma, or the end of what it stands in, as often as one ends.
            while true {
                JSONScan.skipSpace(p, &i, n)
                if depth == 0 { return i == n ? nil : JSONFailure(reason: .trailing, offset: i) }
                let inObject = tokens[Int(open[depth - 1])].kind == .object
                guard i < n else { return JSONFailure(reason: .ends(inObject ? .commaOrBrace : .commaOrBracket), offset: i) }
                if p[i] == 0x2C {
                    i += 1
                    wantsKey = inObject
                    break
                }
                guard p[i] == (inObject ? 0x7D : 0x5D) else {
                    return JSONFailure(reason: .unexpected(inObject ? .commaOrBrace : .commaOrBracket), offset: i)
                }
                close(&i)
            }
        }
    }

    private mutating func append(_ token: JSONToken) -> Bool {
        if count == capacity {
            guard capacity < Self.maxTokens else { return false }
            let grown = UnsafeMutablePointer<JSONToken>.allocate(capacity: capacity * 2)
            grown.moveInitialize(from: tokens, count: count)
            tokens.deallocate()
            tokens = grown
            capacity *= 2
        }
        (tokens + count).initialize(to: token)
        count += 1
        return true
    }

    private mutating func push(_ kind: JSONToken.Kind, at i: Int) -> JSONFailure? {
        guard depth < Self.maxDepth else { return JSONFailure(reason: .tooDeep, offset: i) }
        open[depth] = UInt32(count)
        depth += 1
        return append(JSONToken(kind: kind, start: UInt32(i))) ? nil : JSONFailure(reason: .tooManyValues, offset: i)
    }

    private mutating func close(_ i: inout Int) {
        i += 1
        depth -= 1
        let index = Int(open[depth])
        tokens[index].end = UInt32(i)
        tokens[index].next = UInt32(count)
    }

    private mutating func string(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int) -> JSONFailure? {
        let start = i + 1
        var hasEscapes = false
        if let failure = JSONScan.string(p, &i, n, &hasEscapes) { return failure }
        let token = JSONToken(
            kind: .string, hasEscapes: hasEscapes, start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: i - 1),
            next: UInt32(truncatingIfNeeded: count + 1))
        return append(token) ? nil : JSONFailure(reason: .tooManyValues, offset: start)
    }

    private mutating func scalar(_ p: UnsafePointer<UInt8>, _ i: inout Int, _ n: Int) -> JSONFailure? {
        let start = i
        let kind: JSONToken.Kind
        switch p[i] {
        case 0x74: kind = .true
        case 0x66: kind = .false
        case 0x6E: kind = .null
        case 0x2D, 0x30...0x39: kind = .number
        default: return JSONFailure(reason: .unexpected(.value), offset: i)
        }
        let whole =
            switch kind {
            case .true: JSONScan.word("true", p, &i, n)
            case .false: JSONScan.word("false", p, &i, n)
            case .null: JSONScan.word("null", p, &i, n)
            default: JSONScan.number(p, &i, n)
            }
        guard whole else {
            return JSONFailure(reason: kind == .number ? .badNumber : .unexpected(.literal), offset: kind == .number ? i : start)
        }
        let token = JSONToken(kind: kind, start: UInt32(start), end: UInt32(i), next: UInt32(count + 1))
        return append(token) ? nil : JSONFailure(reason: .tooManyValues, offset: start)
    }
}
