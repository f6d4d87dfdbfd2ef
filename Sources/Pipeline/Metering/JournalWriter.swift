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
    private var held: [UInt8] = []

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
        case written(bytes: Int)
        /// Nothing of it counts as written; it is held and tried again with the next.
        case held(errno: Int32)
        /// There was no room to hold it.
        case lost(errno: Int32)
    }

    var hasHeld: Bool { !held.isEmpty }

    /// Encodes with `body` and hands the bytes to the system before it returns.
    mutating func append(_ body: (inout [UInt8]) -> Void) -> Outcome {
        let before = held.count
        body(&held)
        let size = held.count
        guard let failure = write() else {
            held.removeAll(keepingCapacity: size < 1 << 16)
            return .written(bytes: size)
        }
        guard held.count > Self.maxHeld else { return .held(errno: failure) }
        held.removeSubrange(before...)
        return .lost(errno: failure)
    }

    /// Leaves the file as it is; what comes next goes into a new one.
    mutating func finishSegment() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        head = Position(segment: head.segment + 1, offset: 0)
    }

    private mutating func write() -> Int32? {
        if descriptor < 0 {
            let path = folder.appending(path: Self.name(head.segment)).path
            descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { return errno }
        }
        let file = descriptor
        let failure: Int32? = held.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = Foundation.write(file, bytes.baseAddress! + done, bytes.count - done)
                if count > 0 { done += count } else if count < 0, errno != EINTR { return errno }
            }
            return nil
        }
        if let failure {
            // What was half written is read as a torn end; its whole lines are written once more, which their ids make harmless.
            finishSegment()
            return failure
        }
        head.offset += held.count
        if head.offset >= segmentBytes { finishSegment() }
        return nil
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}
