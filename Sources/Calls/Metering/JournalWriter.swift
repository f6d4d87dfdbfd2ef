import Foundation

/// The writing end of the journal: one file at a time, appended to, changed when it is full.
struct JournalWriter: ~Copyable {
    /// A place in the journal.
    struct Position: Comparable, Sendable {
        var segment: Int
        /// In bytes.
        var offset: Int
        static func < (left: Position, right: Position) -> Bool { (left.segment, left.offset) < (right.segment, right.offset) }
    }

    /// What a full disk makes us hold in memory is bounded.
    static let maxHeld = 4 << 20

    let folder: URL
    let segmentBytes: Int
    /// The end of what is written.
    private(set) var head: Position
    private var descriptor: Int32 = -1
    /// Lines no file has taken yet.
    private(set) var held: [UInt8] = []
    /// Calls that are under way, by id: their lines.
    private var calls: [String: [UInt8]] = [:]
    private var written = 0

    init(folder: URL, segment: Int, segmentBytes: Int) {
        self.folder = folder
        self.segmentBytes = segmentBytes
        head = Position(segment: segment, offset: 0)
    }

    static func name(_ segment: Int) -> String {
        let digits = String(segment)
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits + ".usage"
    }

    enum Outcome {
        case written
        /// Nothing of it counts as written; it is held and tried again with the next.
        case held(errno: Int32)
        /// There was no room to hold it.
        case lost(errno: Int32)
    }

    var hasHeld: Bool { !held.isEmpty }
    /// Whether calls are under way.
    var hasCalls: Bool { !calls.isEmpty }

    /// Encodes with `body` and hands the bytes to the system before it returns.
    /// - Parameter ended: calls that are over with it.
    mutating func append(ended: [String] = [], _ body: (inout [UInt8]) -> Void) -> Outcome {
        for id in ended { calls[id] = nil }
        let before = held.count
        body(&held)
        guard let failure = write() else { return .written }
        guard held.count > Self.maxHeld else { return .held(errno: failure) }
        held.removeSubrange(before...)
        return .lost(errno: failure)
    }

    /// The same for a call that begins. What the file does not take is not held: it is a precaution, and what is held is
    /// for records. The next file begins with it.
    /// - Parameter ended: calls that are over.
    mutating func begin(_ id: String, ended: [String], _ body: (inout [UInt8]) -> Void) -> Outcome {
        for id in ended { calls[id] = nil }
        let before = held.count
        for id in ended { UsageLine.appendEnded(id, to: &held) }
        let start = held.count
        body(&held)
        calls[id] = Array(held[start...])
        guard let failure = write() else { return .written }
        held.removeSubrange(before...)
        return .held(errno: failure)
    }

    /// Leaves the file as it is; what comes next goes into a new one, which begins with the calls that are under way: an old
    /// file goes when its records are in the database.
    mutating func finishSegment() {
        guard descriptor >= 0 else { return }
        leaveFile()
        if !calls.isEmpty { _ = openFile() }
    }

    /// Bytes written since this was asked last.
    mutating func takeWritten() -> Int {
        defer { written = 0 }
        return written
    }

    private mutating func leaveFile() {
        close(descriptor)
        descriptor = -1
        head = Position(segment: head.segment + 1, offset: 0)
    }

    private mutating func openFile() -> Int32? {
        let path = folder.appending(path: Self.name(head.segment)).path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return errno }
        guard !calls.isEmpty, let failure = put(Array(calls.values.joined())) else { return nil }
        // Without them it is not begun.
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        return failure
    }

    private mutating func write() -> Int32? {
        if descriptor < 0, let failure = openFile() { return failure }
        if let failure = put(held) { return failure }
        held.removeAll(keepingCapacity: held.count < 1 << 16)
        if head.offset >= segmentBytes { finishSegment() }
        return nil
    }

    /// All of it or nothing.
    private mutating func put(_ lines: [UInt8]) -> Int32? {
        let file = descriptor
        var done = 0
        let failure: Int32? = lines.withUnsafeBytes { bytes in
            while done < bytes.count {
                let count = Foundation.write(file, bytes.baseAddress! + done, bytes.count - done)
                if count > 0 { done += count } else if count < 0, errno != EINTR { return errno }
            }
            return nil
        }
        guard let failure else {
            head.offset += lines.count
            written += lines.count
            return nil
        }
        // What was half written is cut off again. Where it stays, it is read as a torn end; its whole lines are written once more,
        // which their ids make harmless.
        if done > 0, ftruncate(file, off_t(head.offset)) != 0 { leaveFile() }
        return failure
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
