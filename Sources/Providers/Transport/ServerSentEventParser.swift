/// Incremental parser of `text/event-stream`, after the algorithm of the HTML standard (§9.2.6):
/// CR, LF and CRLF end lines, `data` may span lines, comments and unknown fields are skipped, one
/// leading byte order mark is dropped. Bytes may be split anywhere, also inside a UTF-8 sequence or
/// between CR and LF. An event that the stream's end leaves unfinished is dropped, as the standard
/// asks: it may have been cut in the middle of its data.
public struct ServerSentEventParser: Sendable {
    private var line: [UInt8] = []
    private var lastWasCR = false
    private var isFirstLine = true
    private var event: String?
    private var data: String?
    private var id: String?

    public init() {}

    /// Feeds some bytes; returns the events they completed.
    /// - Throws: ``OverlongLine``, also for data of several lines that is longer altogether.
    public mutating func push(_ bytes: some Sequence<UInt8>) throws(OverlongLine) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            switch byte {
            case 0x0A where lastWasCR:
                lastWasCR = false
            case 0x0A, 0x0D:
                lastWasCR = byte == 0x0D
                if let event = try endLine() { events.append(event) }
            default:
                lastWasCR = false
                line.append(byte)
            }
        }
        try OverlongLine.check(line.count)
        return events
    }

    private mutating func endLine() throws(OverlongLine) -> ServerSentEvent? {
        try OverlongLine.check(line.count + (data?.utf8.count ?? 0))
        defer {
            line.removeAll(keepingCapacity: true)
            isFirstLine = false
        }
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        guard let first = line.first else { return dispatch() }
        guard first != UInt8(ascii: ":") else { return nil }

        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        let name = String(decoding: line[..<colon], as: UTF8.self)
        var value = colon < line.endIndex ? line[(colon + 1)...] : []
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        let text = String(decoding: value, as: UTF8.self)

        switch name {
        case "data" where data == nil: data = text
        case "data":
            data?.append("\n")
            data?.append(text)
        case "event": event = text
        case "id" where !text.unicodeScalars.contains("\0"): id = text
        default: break
        }
        return nil
    }

    private mutating func dispatch() -> ServerSentEvent? {
        defer {
            data = nil
            event = nil
        }
        guard let data else { return nil }
        return ServerSentEvent(event: event?.isEmpty == true ? nil : event, data: data, id: id)
    }
}
