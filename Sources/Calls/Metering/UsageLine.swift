import Foundation
import Store

/// One line of the journal: fields with tabs between them, an absent value an empty field. Written by
/// hand, because it is written in the path of every answer. Fields are added at the end only; a line
/// without them is an older one.
enum UsageLine {
    /// What a line says.
    enum Meaning {
        case record(UsageEntry)
        /// A call was sent upstream. The entry is what to record if nothing more is heard of it.
        case begun(UsageEntry)
        /// The call with this id is over, and there is no record of its own.
        case ended(String)
    }

    /// Of the oldest line there may be.
    private static let fields = 19
    /// Until the year 10000, in milliseconds: a line with another time was not written by us.
    private static let times = 0...253_402_300_799_999
    private static let begunFields = 13
    private static let begunMark = UInt8(ascii: "+")
    private static let endedMark = UInt8(ascii: "-")
    private static let tab = UInt8(ascii: "\t")
    static let end = UInt8(ascii: "\n")

    static func append(_ record: UsageRecord, user: String, to line: inout [UInt8]) {
        beginning(record, user, &line)
        number(record.cachedTokens, &line)
        number(record.cacheWriteTokens, &line)
        number(record.reasoningTokens, &line)
        number(record.isEstimate ? 1 : 0, &line)
        number(record.cost, &line)
        number(record.latencyMilliseconds.isFinite ? record.latencyMilliseconds : 0, &line)
        number(record.firstTokenMilliseconds, &line)
        text(record.outcome, &line)
        number(record.countedCost, &line)
        text(record.requestID, &line)
        line[line.count - 1] = end
    }

    /// A `+` and what is known of a call before it is sent: a record that is an estimate, without times and outcome.
    static func appendBegun(_ record: UsageRecord, user: String, to line: inout [UInt8]) {
        line.append(begunMark)
        line.append(tab)
        beginning(record, user, &line)
        number(record.cost, &line)
        number(record.countedCost, &line)
        text(record.requestID, &line)
        line[line.count - 1] = end
    }

    /// What both kinds of lines begin with: whose call it is, of whom it is asked, when, and the tokens.
    private static func beginning(_ record: UsageRecord, _ user: String, _ line: inout [UInt8]) {
        text(record.id, &line)
        text(user, &line)
        text(record.minionID, &line)
        text(record.answerID, &line)
        text(record.keyID, &line)
        text(record.purpose, &line)
        text(record.provider, &line)
        text(record.model, &line)
        number(Int(record.at.milliseconds), &line)
        number(record.inputTokens, &line)
        number(record.outputTokens, &line)
    }

    /// A `-` and the call's id.
    static func appendEnded(_ id: String, to line: inout [UInt8]) {
        line.append(endedMark)
        line.append(tab)
        text(id, &line)
        line[line.count - 1] = end
    }

    /// - Parameter line: without its end.
    /// - Returns: nil where it is no such line.
    static func meaning(_ line: ArraySlice<UInt8>) -> Meaning? {
        guard line.count > 2, line[line.startIndex + 1] == tab else { return read(line).map(Meaning.record) }
        switch line[line.startIndex] {
        case begunMark: return readBegun(line).map(Meaning.begun)
        case endedMark: return .ended(unescaped(line.dropFirst(2)))
        default: return nil
        }
    }

    private static func readBegun(_ line: ArraySlice<UInt8>) -> UsageEntry? {
        let parts = line.split(separator: tab, omittingEmptySubsequences: false)
        guard parts.count >= begunFields, !parts[1].isEmpty else { return nil }
        func text(_ index: Int) -> String { unescaped(parts[index]) }
        func optional(_ index: Int) -> String? { parts[index].isEmpty ? nil : text(index) }
        guard let at = Int(String(decoding: parts[9], as: UTF8.self)), times.contains(at) else { return nil }
        return UsageEntry(
            user: text(2),
            record: UsageRecord(
                id: text(1), minionID: optional(3), answerID: optional(4), requestID: parts.count > 14 ? optional(14) : nil, keyID: optional(5),
                purpose: text(6), provider: text(7), model: text(8),
                at: Date(milliseconds: Int64(at)), inputTokens: Int(String(decoding: parts[10], as: UTF8.self)),
                outputTokens: Int(String(decoding: parts[11], as: UTF8.self)), cachedTokens: nil, isEstimate: true,
                cost: Double(String(decoding: parts[12], as: UTF8.self)),
                countedCost: parts.count > begunFields ? Double(String(decoding: parts[13], as: UTF8.self)) : nil, latencyMilliseconds: 0,
                firstTokenMilliseconds: nil,
                outcome: UsageRecord.interrupted))
    }

    /// - Parameter line: without its end.
    /// - Returns: nil where it is no such line.
    static func read(_ line: some Swift.RandomAccessCollection<UInt8>) -> UsageEntry? {
        let parts = line.split(separator: tab, omittingEmptySubsequences: false)
        guard parts.count >= fields else { return nil }
        func text(_ index: Int) -> String { unescaped(parts[index]) }
        func optional(_ index: Int) -> String? { parts[index].isEmpty ? nil : text(index) }
        func integer(_ index: Int) -> Int? { Int(String(decoding: parts[index], as: UTF8.self)) }
        func double(_ index: Int) -> Double? { Double(String(decoding: parts[index], as: UTF8.self)) }
        guard !parts[0].isEmpty, let at = integer(8), times.contains(at), let estimate = integer(14), let latency = double(16) else { return nil }
        return UsageEntry(
            user: text(1),
            record: UsageRecord(
                id: text(0), minionID: optional(2), answerID: optional(3), requestID: parts.count > 20 ? optional(20) : nil, keyID: optional(4),
                purpose: text(5), provider: text(6), model: text(7),
                at: Date(milliseconds: Int64(at)), inputTokens: integer(9), outputTokens: integer(10), cachedTokens: integer(11),
                cacheWriteTokens: integer(12), reasoningTokens: integer(13), isEstimate: estimate != 0, cost: double(15),
                countedCost: parts.count > 19 ? double(19) : nil, latencyMilliseconds: latency, firstTokenMilliseconds: double(17), outcome: text(18))
        )
    }

    /// A tab, a line's end and a backslash are `\t`, `\n` and `\\`.
    private static func text(_ value: String?, _ line: inout [UInt8]) {
        if var value {
            value.withUTF8 { bytes in
                if bytes.contains(where: { $0 == tab || $0 == end || $0 == UInt8(ascii: "\\") }) {
                    for byte in bytes {
                        switch byte {
                        case tab: line += [UInt8(ascii: "\\"), UInt8(ascii: "t")]
                        case end: line += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
                        case UInt8(ascii: "\\"): line += [byte, byte]
                        default: line.append(byte)
                        }
                    }
                } else {
                    line.append(contentsOf: bytes)
                }
            }
        }
        line.append(tab)
    }

    private static func unescaped(_ field: some Swift.Collection<UInt8>) -> String {
        guard field.contains(UInt8(ascii: "\\")) else { return String(decoding: field, as: UTF8.self) }
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in field {
            if isEscaped {
                bytes.append(byte == UInt8(ascii: "t") ? tab : byte == UInt8(ascii: "n") ? end : byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func number(_ value: Int?, _ line: inout [UInt8]) {
        if let value { line.append(contentsOf: value.description.utf8) }
        line.append(tab)
    }

    /// The shortest text that reads as the same number again.
    private static func number(_ value: Double?, _ line: inout [UInt8]) {
        if let value, value.isFinite { line.append(contentsOf: value.description.utf8) }
        line.append(tab)
    }
}
