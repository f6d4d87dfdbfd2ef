import Foundation
import LocalModels
import Store
import Synchronization

/// What a stage's processes use: looked up every second while it runs, by the job's name in their environment.
/// Nothing is measured where the system has no `/proc`.
final class StageMeter: Sendable {
    private struct State {
        /// Processor time of each process when it was last seen, in clock ticks. Numbers come again only long after.
        var ticks: [Int32: Int] = [:]
        var peakBytes = 0
        var wasSeen = false
    }

    private let mark: [UInt8]
    private let folders: [URL]
    private let before: Int
    private let state = Mutex(State())

    /// - Parameter folders: where the stage writes.
    init(job: String, folders: [URL]) {
        mark = Array("\(ChildJob.variable)=\(job)".utf8)
        self.folders = folders
        before = Self.bytes(folders)
    }

    /// Runs `body`, and looks while it runs.
    func measuring<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        let sampler = Task.detached(priority: .utility) { [self] in
            while !Task.isCancelled {
                sample()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        defer { sampler.cancel() }
        return try await body()
    }

    var use: StageUse {
        let (ticks, peak, wasSeen) = state.withLock { ($0.ticks.values.reduce(0, +), $0.peakBytes, $0.wasSeen) }
        let disk = max(0, Self.bytes(folders) - before)
        guard wasSeen else { return StageUse(diskBytes: disk) }
        return StageUse(cpuSeconds: Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK))), peakMemoryBytes: peak, diskBytes: disk)
    }

    private func sample() {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return }
        var bytes = 0
        var ticks: [Int32: Int] = [:]
        for name in names {
            guard let pid = Int32(name), belongs(pid), let seen = Self.figures(pid) else { continue }
            ticks[pid] = seen.ticks
            bytes += seen.bytes
        }
        guard !ticks.isEmpty else { return }
        state.withLock { state in
            state.ticks.merge(ticks) { _, new in new }
            state.peakBytes = max(state.peakBytes, bytes)
            state.wasSeen = true
        }
    }

    private func belongs(_ pid: Int32) -> Bool {
        guard let environment = FileManager.default.contents(atPath: "/proc/\(pid)/environ") else { return false }
        return environment.split(separator: 0).contains { $0.elementsEqual(mark) }
    }

    /// proc(5): fields 14 and 15 of `stat` are the ticks in user and kernel mode, field 24 the resident pages. The
    /// second field, the command in parentheses, may itself hold spaces.
    private static func figures(_ pid: Int32) -> (ticks: Int, bytes: Int)? {
        guard let text = FileManager.default.contents(atPath: "/proc/\(pid)/stat").map({ String(decoding: $0, as: UTF8.self) }),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 21, let user = Int(fields[11]), let kernel = Int(fields[12]), let pages = Int(fields[21]) else { return nil }
        return (user + kernel, pages * Int(sysconf(Int32(_SC_PAGESIZE))))
    }

    private static func bytes(_ folders: [URL]) -> Int {
        var sum = 0
        for folder in folders {
            guard let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: [.totalFileSizeKey, .isRegularFileKey]) else {
                continue
            }
            for case let file as URL in files {
                sum += (try? file.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0
            }
        }
        return sum
    }
}
