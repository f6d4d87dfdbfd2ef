import Files
import Foundation
import Logging
import Store
import Synchronization

/// Where usage goes first. ``append(_:user:)`` has handed the records to the system (write(2) into a
/// file) when it returns, so a process that is killed loses nothing of what was answered. They
/// reach the database in batches a moment later, or at the next start; record ids make that happen once.
///
/// A call is in the journal from before it is sent, see ``begin(_:user:ended:)``: of one that a killed process
/// had under way an estimate is recorded, with the id its record would have had.
///
/// Only files lie between the two ends: however slow the database is, memory does not grow. A power
/// cut, unlike a kill, may lose the last seconds: nothing is fsynced.
public final class UsageJournal: Sendable {
    private struct Drain {
        /// Everything before it is in the database.
        var position: JournalWriter.Position
        var task: Task<Void, any Error>?
        /// Calls that an earlier run began and has not ended, as far as its files are read.
        var calls: [String: UsageEntry] = [:]
    }

    private let folder: URL
    private let usage: UsageWriter
    private let logger: Logger
    private let writer: Mutex<JournalWriter>
    private let drain: Mutex<Drain>
    private let backlog: Atomic<Int>
    private let lostRecords = Atomic<Int>(0)
    private let complained = Mutex<ContinuousClock.Instant?>(nil)
    /// The last file of an earlier run; nil where none was left.
    private let lastLeft: Int?

    /// How much is read and written to the database at once: some 1,700 records.
    private static let chunk = 512 << 10
    /// Beyond it, requests wait for the database: a megabyte holds about 3,500 records.
    private static let maxBacklog = 256 << 20

    /// Takes over what an earlier run has left in `folder`.
    /// - Parameters:
    ///   - folder: the journal's own (0700).
    ///   - segmentBytes: size at which a new file is begun.
    public init(folder: URL, usage: UsageWriter, segmentBytes: Int = 8 << 20, logger: Logger) throws {
        self.folder = folder
        self.usage = usage
        self.logger = logger
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.fileSizeKey])
        let left = files.compactMap { file in
            // Twelve digits are what a name has.
            file.pathExtension == "usage" && file.lastPathComponent.utf8.count <= 18 ? Int(file.deletingPathExtension().lastPathComponent) : nil
        }
        let next = (left.max() ?? 0) + 1
        lastLeft = left.max()
        writer = Mutex(JournalWriter(folder: folder, segment: next, segmentBytes: segmentBytes))
        drain = Mutex(Drain(position: .init(segment: left.min() ?? next, offset: 0)))
        let bytes = left.reduce(0) { $0 + Self.size(folder.appending(path: JournalWriter.name($1))) }
        backlog = Atomic(bytes)
        if bytes > 0 { logger.notice("an earlier run left \(bytes) bytes of usage: they are recorded now") }
    }

    /// Bytes that are not in the database yet.
    public var backlogBytes: Int { max(0, backlog.load(ordering: .relaxed)) }
    /// Records that neither disk nor memory had room for.
    public var lost: Int { lostRecords.load(ordering: .relaxed) }

    /// Safe against the end of the process when it returns. Microseconds; never waits for the database.
    /// - Parameter ended: ids of calls that were begun and are none of the records'.
    public func append(_ records: [UsageRecord], ended: [String] = [], user: String) {
        guard !records.isEmpty || !ended.isEmpty else { return }
        write(records: records.count) { writer in
            writer.append(ended: ended + records.map(\.id)) { lines in
                for record in records { UsageLine.append(record, user: user, to: &lines) }
                for id in ended { UsageLine.appendEnded(id, to: &lines) }
            }
        }
    }

    /// Says that a call is about to be sent. It ends with a record of the same id, or by being named as ended; one that has no
    /// end when the process dies is recorded at the next start as it is here, as an estimate with the outcome
    /// ``UsageRecord/interrupted``. Where the disk takes nothing, this is left out.
    /// - Parameters:
    ///   - call: what it may come to.
    ///   - ended: ids of calls that are over by now and have no record yet.
    public func begin(_ call: UsageRecord, user: String, ended: [String] = []) {
        write(records: 0) { writer in
            writer.begin(call.id, ended: ended) { UsageLine.appendBegun(call, user: user, to: &$0) }
        }
    }

    /// Returns when all that was appended before is in the database.
    public func flush() async throws {
        if writer.withLock({ $0.hasHeld }) { write(records: 0) { $0.append { _ in } } }
        let target = writer.withLock { $0.head }
        while drain.withLock({ $0.position }) < target {
            let task = drain.withLock { drain in
                if let task = drain.task { return task }
                let task = Task {
                    defer { self.drain.withLock { $0.task = nil } }
                    try await self.step()
                }
                drain.task = task
                return task
            }
            try await task.value
        }
    }

    /// Records of one user that are not in the database yet, each with its id: for sums while the database takes no writes.
    func waiting(of user: String) throws -> [UsageRecord] {
        let (head, held) = writer.withLock { ($0.head, $0.held) }
        let start = drain.withLock { $0.position }
        var records: [UsageRecord] = []
        func take(_ lines: ArraySlice<UInt8>) {
            for line in lines.split(separator: UsageLine.end) {
                if case .record(let entry) = UsageLine.meaning(line), entry.user == user { records.append(entry.record) }
            }
        }
        for segment in start.segment...head.segment {
            let file = folder.appending(path: JournalWriter.name(segment))
            let size = segment == head.segment ? head.offset : Self.size(file)
            var offset = segment == start.segment ? start.offset : 0
            while offset < size {
                let bytes = try Self.read(file, from: offset, count: min(Self.chunk, size - offset))
                guard let end = bytes.lastIndex(of: UsageLine.end) else { break }
                take(bytes[...end])
                offset += end + 1
            }
        }
        take(held[...])
        return records
    }

    /// Waits while the database is far behind.
    func relief() async throws {
        if backlogBytes > Self.maxBacklog { try await flush() }
    }

    /// Drains until the task is cancelled: every half second, sooner when much has come.
    public func run() async {
        var ticks = 0
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: .milliseconds(100))
                ticks += 1
                guard ticks >= 5 || backlogBytes > Self.chunk else { continue }
                ticks = 0
                try await flush()
            } catch is CancellationError {
                return
            } catch {
                logger.error("usage waits in the journal, because the database does not take it: \(error)")
                try? await Task.sleep(for: .seconds(2))
            }
        }
    }

    /// Drains the rest and removes the empty file. What is appended later waits for the next start, and so do calls that are
    /// still under way.
    public func close() async throws {
        try await flush()
        write(records: 0) { writer in
            writer.finishSegment()
            return .written
        }
        try await flush()
    }

    /// Closes when nothing is answered any more: waits so long for calls that are just being broken off to end.
    public func settle(within patience: Duration) async throws {
        let end = ContinuousClock.now + patience
        while writer.withLock({ $0.hasCalls }), .now < end { try await Task.sleep(for: .milliseconds(10)) }
        try await close()
    }

    /// Moves the drain's position on by one chunk or one file.
    private func step() async throws {
        let head = writer.withLock { $0.head }
        let position = drain.withLock { $0.position }
        let file = folder.appending(path: JournalWriter.name(position.segment))
        let isOpen = position.segment == head.segment
        let size = isOpen ? head.offset : Self.size(file)
        guard position.offset < size else {
            if !isOpen {
                if position.segment == lastLeft { try await recordInterrupted() }
                try? FileManager.default.removeItem(at: file)
                drain.withLock { $0.position = .init(segment: position.segment + 1, offset: 0) }
            }
            return
        }
        let bytes = try Self.read(file, from: position.offset, count: min(Self.chunk, size - position.offset))
        guard !bytes.isEmpty else { throw LocatedError("\(file.lastPathComponent) has lost its end") }
        var taken = bytes.count
        if let end = bytes.lastIndex(of: UsageLine.end) {
            taken = end + 1
            try await insert(bytes[..<end], isLeft: position.segment <= lastLeft ?? 0)
        } else {
            logger.warning("\(bytes.count) bytes at the end of \(file.lastPathComponent) are no whole record: the process ended while it wrote them")
        }
        drain.withLock { $0.position.offset += taken }
        backlog.subtract(taken, ordering: .relaxed)
    }

    private func insert(_ lines: ArraySlice<UInt8>, isLeft: Bool) async throws {
        var entries: [UsageEntry] = []
        var calls = isLeft ? drain.withLock { $0.calls } : [:]
        var unreadable = 0
        for line in lines.split(separator: UsageLine.end) {
            switch UsageLine.meaning(line) {
            case .record(let entry):
                entries.append(entry)
                calls[entry.record.id] = nil
            // Of our own calls those that are under way are known.
            case .begun(let call): if isLeft { calls[call.record.id] = call }
            case .ended(let id): calls[id] = nil
            case nil: unreadable += 1
            }
        }
        if unreadable > 0 { logger.error("\(unreadable) lines of the usage journal cannot be read and are left out") }
        try await insert(tolerant: entries)
        if isLeft { drain.withLock { [calls] in $0.calls = calls } }
    }

    /// What an earlier run had under way when it was killed. A record that is there already stays as it is.
    private func recordInterrupted() async throws {
        let calls = drain.withLock { $0.calls.values.sorted { $0.record.id < $1.record.id } }
        guard !calls.isEmpty else { return }
        try await insert(tolerant: calls)
        drain.withLock { $0.calls = [:] }
        logger.notice("\(calls.count) calls were under way when an earlier run was killed: they are recorded as estimates")
    }

    /// A record the schema refuses must not hold up the others.
    private func insert(tolerant entries: [UsageEntry]) async throws {
        do { try await insert(entries) } catch let error as DatabaseError where error.isViolation {
            for entry in entries {
                do { try await insert([entry]) } catch let error as DatabaseError where error.isViolation {
                    logger.error("usage record \(entry.record.id) cannot be kept: \(error)")
                }
            }
        }
    }

    private func insert(_ entries: [UsageEntry]) async throws {
        let gone = try await usage.insert(entries)
        if gone > 0 { logger.notice("\(gone) usage records of users that are gone are left out") }
    }

    private func write(records: Int, _ body: (inout JournalWriter) -> JournalWriter.Outcome) {
        let (outcome, bytes) = writer.withLock { writer in (body(&writer), writer.takeWritten()) }
        if bytes > 0 { backlog.add(bytes, ordering: .relaxed) }
        switch outcome {
        case .written: return
        case .held(let code): complain { $0.error("the usage journal cannot be written, usage waits in memory: \(String(cString: strerror(code)))") }
        case .lost(let code):
            lostRecords.add(records, ordering: .relaxed)
            complain { $0.critical("usage is lost: the journal cannot be written: \(String(cString: strerror(code)))") }
        }
    }

    /// Every ten seconds at most: the log may be on the very disk that is full, and every answer meets it.
    private func complain(_ body: (Logger) -> Void) {
        let isDue = complained.withLock { last in
            if let last, .now - last < .seconds(10) { return false }
            last = .now
            return true
        }
        if isDue { body(logger) }
    }

    private static func size(_ file: URL) -> Int {
        var info = stat()
        return stat(file.path, &info) == 0 ? Int(info.st_size) : 0
    }

    private static func read(_ file: URL, from offset: Int, count: Int) throws -> [UInt8] {
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LocatedError("cannot open \(file.lastPathComponent)", errno) }
        defer { Foundation.close(descriptor) }
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            done = 0
            while done < count {
                let got = pread(descriptor, buffer.baseAddress! + done, count - done, off_t(offset + done))
                if got > 0 {
                    done += got
                } else if got == 0 {
                    return
                } else if errno != EINTR {
                    throw LocatedError("cannot read \(file.lastPathComponent)", errno)
                }
            }
        }
    }
}
