import Dispatch
import Foundation
import Synchronization

/// One connection that waits for `NOTIFY`, on a thread of its own, for as long as it is not told to stop.
final class PostgresListener: Sendable {
    /// Followed by the schema: two installations in one database do not hear each other.
    static let channel = "atelier_"

    private let isStopped = Atomic(false)
    /// What wakes the thread to be stopped: the ends to read and to write.
    private let pipe: (read: Int32, write: Int32)

    init(_ address: PostgresAddress, _ handler: @Sendable @escaping (DatabaseNotice) -> Void) {
        var ends: [Int32] = [-1, -1]
        _ = Foundation.pipe(&ends)
        pipe = (ends[0], ends[1])
        let thread = Thread { [self] in work(address, handler) }
        thread.name = "atelier.listen"
        thread.start()
    }

    /// Neither ``stop()`` nor the thread uses the pipe any more.
    deinit {
        close(pipe.read)
        close(pipe.write)
    }

    func stop() {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        _ = write(pipe.write, "x", 1)
    }

    private func work(_ address: PostgresAddress, _ handler: (DatabaseNotice) -> Void) {
        let session = PostgresSession(address)
        var isFirst = true
        while !isStopped.load(ordering: .relaxed) {
            do {
                try session.connect()
                let schema = try session.query("SELECT current_schema() AS name", [])[0].text("name")
                try session.run("LISTEN \"\(Self.channel)\(schema.replacing("\"", with: "\"\""))\"")
                // What was said before nobody here has heard.
                if !isFirst { handler(.gap) }
                isFirst = false
                while !isStopped.load(ordering: .relaxed) {
                    var waits = [
                        pollfd(fd: session.socket, events: Int16(POLLIN), revents: 0), pollfd(fd: pipe.read, events: Int16(POLLIN), revents: 0),
                    ]
                    _ = poll(&waits, 2, -1)
                    if isStopped.load(ordering: .relaxed) { break }
                    for (_, text) in try session.notifications() {
                        let parts = text.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
                        handler(.message(topic: String(parts[0]), payload: parts.count > 1 ? String(parts[1]) : ""))
                    }
                }
            } catch {
                session.disconnect()
                isFirst = false
                // A second between tries; the pipe ends the wait at once.
                var wait = pollfd(fd: pipe.read, events: Int16(POLLIN), revents: 0)
                _ = poll(&wait, 1, 1000)
            }
        }
        session.disconnect()
    }
}
