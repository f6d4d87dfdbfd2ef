/// The exact tests, each at a place where something may stand. What was looked at is not looked at again.
struct CloserLook {
    private var runEnd = 0
    private var cardEnd = 0
    private var keyEnd = 0
    private var mailEnd = 0

    @inline(never)
    mutating func atMarks(_ p: UnsafePointer<UInt8>, _ n: Int, _ i: Int, _ found: inout [SensitiveScan.Match]) {
        for at in i..<min(i + Lanes.width, n) {
            if p[at] == 0x40, at >= mailEnd {
                email(p, n, at, &found)
            } else if p[at] == 0x2D, at >= keyEnd, at + 1 < n, p[at + 1] == 0x2D {
                privateKey(p, n, at, &found)
            }
        }
    }

    private mutating func email(_ p: UnsafePointer<UInt8>, _ n: Int, _ at: Int, _ found: inout [SensitiveScan.Match]) {
        func isLocal(_ byte: UInt8) -> Bool { byte.isAlphanumeric || byte == 0x2E || byte == 0x5F || byte == 0x25 || byte == 0x2B || byte == 0x2D }
        var start = at
        while start > mailEnd, at - start < 64, isLocal(p[start - 1]) { start -= 1 }
        while start < at, !p[start].isAlphanumeric { start += 1 }
        guard start < at, p[at - 1] != 0x2E else { return }
        var end = at + 1
        var dot: Int?
        while end < n, end - at < 254, p[end].isAlphanumeric || p[end] == 0x2D || p[end] == 0x2E {
            if p[end] == 0x2E {
                if end == at + 1 || p[end - 1] == 0x2E { break }
                dot = end
            }
            end += 1
        }
        while end > at, p[end - 1] == 0x2E || p[end - 1] == 0x2D {
            end -= 1
            if dot == end { dot = (at + 1..<max(at + 1, end)).last { p[$0] == 0x2E } }
        }
        guard let dot, end - dot > 2, (dot + 1..<end).allSatisfy({ p[$0] | 0x20 >= 0x61 && p[$0] | 0x20 <= 0x7A || p[$0] == 0x2D }) else { return }
        mailEnd = end
        found.append(.init(kind: .email, range: start..<end))
    }

    /// `-----BEGIN … PRIVATE KEY-----` and what follows to its end.
    private mutating func privateKey(_ p: UnsafePointer<UInt8>, _ n: Int, _ at: Int, _ found: inout [SensitiveScan.Match]) {
        guard starts(p, n, at, with: "-----BEGIN ") else { return }
        var label = at + 11
        while label < n, label - at < 60, p[label] != 0x2D { label += 1 }
        guard label - at >= 22, starts(p, n, label - 11, with: "PRIVATE KEY-----") else { return }
        keyEnd = label + 5
        var end = keyEnd
        while end < n, end - at < 1 << 16 {
            if p[end] == 0x2D, starts(p, n, end, with: "-----END ") {
                end += 9
                while end < n, p[end] != 0x2D, p[end] != 0x0A { end += 1 }
                while end < n, p[end] == 0x2D { end += 1 }
                keyEnd = end
                break
            }
            end += 1
        }
        found.append(.init(kind: .privateKey, range: at..<keyEnd))
    }

    /// A run without white space around `i`: a key may begin behind anything that is no letter or digit.
    @inline(never)
    mutating func inRun(_ p: UnsafePointer<UInt8>, _ n: Int, _ i: Int, _ found: inout [SensitiveScan.Match]) {
        guard i >= runEnd else { return }
        func isGap(_ byte: UInt8) -> Bool { byte <= 0x20 || byte >= 0x80 }
        var start = i
        while start > runEnd, !isGap(p[start - 1]) { start -= 1 }
        var end = i
        while end < n, !isGap(p[end]) { end += 1 }
        runEnd = end
        guard end - start >= 20 else { return }
        var at = start
        while end - at >= 20 {
            if at == start || !p[at - 1].isAlphanumeric && p[at - 1] != 0x5F, let shape = TokenShape.first(p[at]) {
                var length: Int?
                for candidate in shape where length == nil {
                    length = candidate.match(p + at, end - at)
                    if let length { found.append(.init(kind: candidate.kind, range: at..<at + length)) }
                }
                if let length {
                    at += length
                    continue
                }
            }
            at += 1
        }
    }

    /// Digits, alone or in groups with a space or a dash between them.
    @inline(never)
    mutating func atDigits(_ p: UnsafePointer<UInt8>, _ n: Int, _ i: Int, _ found: inout [SensitiveScan.Match]) {
        func isDigit(_ at: Int) -> Bool { at >= 0 && at < n && p[at] &- 0x30 < 10 }
        func isPart(_ at: Int) -> Bool { isDigit(at) || at >= 0 && at < n && (p[at] == 0x20 || p[at] == 0x2D) && isDigit(at - 1) && isDigit(at + 1) }
        guard var start = (i..<min(i + Lanes.width, n)).first(where: { isDigit($0) && $0 >= cardEnd }) else { return }
        while start > cardEnd, isPart(start - 1) { start -= 1 }
        var end = start
        while isPart(end) { end += 1 }
        cardEnd = end
        guard 13...37 ~= end - start, start == 0 || !p[start - 1].isAlphanumeric, end == n || !p[end].isAlphanumeric else { return }
        let digits = (start..<end).filter(isDigit).map { Int(p[$0] - 0x30) }
        if Luhn.isCard(digits) { found.append(.init(kind: .cardNumber, range: start..<end)) }
    }

    private func starts(_ p: UnsafePointer<UInt8>, _ n: Int, _ at: Int, with text: StaticString) -> Bool {
        at >= 0 && n - at >= text.utf8CodeUnitCount && Bytes(start: p + at, count: text.utf8CodeUnitCount).equals(text)
    }
}

extension TokenShape {
    private static let byFirst: [[TokenShape]] = (0..<128).map { byte in all.filter { $0.prefix.utf8Start[0] == UInt8(byte) } }

    /// Shapes that begin with a byte.
    static func first(_ byte: UInt8) -> [TokenShape]? {
        guard byte < 128, !byFirst[Int(byte)].isEmpty else { return nil }
        return byFirst[Int(byte)]
    }
}

extension UInt8 {
    var isAlphanumeric: Bool { self &- 0x30 < 10 || (self | 0x20) &- 0x61 < 26 }
}

/// ISO/IEC 7812: the check digit, and the beginnings and lengths that card networks use.
enum Luhn {
    static func isCard(_ digits: [Int]) -> Bool {
        guard 13...19 ~= digits.count, Set(digits).count > 1 else { return false }
        let head = digits[0] * 10 + digits[1]
        let known =
            switch digits[0] {
            case 4: digits.count == 13 || digits.count == 16 || digits.count == 19
            case 5: 51...55 ~= head && digits.count == 16 || 50 == head || 56...58 ~= head
            case 2: 22...27 ~= head && digits.count == 16
            case 3:
                (head == 34 || head == 37) && digits.count == 15 || (head == 30 || head == 36 || head == 38 || head == 39) && digits.count == 14
                    || head == 35 && digits.count >= 16
            case 6: digits.count >= 16
            default: false
            }
        guard known else { return false }
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let doubled = place % 2 == 1 ? digit * 2 : digit
            sum += doubled > 9 ? doubled - 9 : doubled
        }
        return sum % 10 == 0
    }
}
