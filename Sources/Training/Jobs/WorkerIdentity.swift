import Foundation
import Store

/// How a process is known to the others: `host:process id:random`.
public struct WorkerIdentity: Sendable, Equatable {
    /// The machine's name, and where process ids are counted: containers on one machine share neither the one nor the
    /// other for sure.
    public let host: String
    public let name: String

    /// Between a worker's name and the number of one of its attempts at a job.
    static let attemptMark = WorkerRecord.attemptMark

    public static let current = WorkerIdentity()

    private init() {
        let space = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid"))?.filter(\.isNumber)
        let machine = ProcessInfo.processInfo.hostName.replacing(":", with: "-")
        host = space.map { "\(machine)/\($0)" } ?? machine
        name = "\(host):\(ProcessInfo.processInfo.processIdentifier):\(UUID().uuidString.prefix(8))"
    }

    /// Whether the process behind a name lives, as far as can be told from here: of another machine's only its
    /// lease tells.
    public func isAlive(_ owner: String) -> Bool {
        let worker = WorkerRecord.name(ofOwner: owner)
        let parts = worker.split(separator: ":")
        guard worker != name, parts.count == 3, parts[0] == host, let pid = Int32(parts[1]) else { return true }
        // Our own number with another random part: an earlier process that had the same one.
        guard pid != ProcessInfo.processInfo.processIdentifier else { return false }
        return kill(pid, 0) == 0 || errno == EPERM
    }
}
