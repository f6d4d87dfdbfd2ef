import Foundation

/// What the machine, or the container around us, has left.
enum MachineMemory {
    /// MiB that a further process could have; nil where the system does not say (macOS).
    static func availableMegabytes() -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        guard let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        let machine = kibibytes >> 10
        // A container's bound (cgroup v2) may be below the machine's.
        guard let limit = number("/sys/fs/cgroup/memory.max"), let used = number("/sys/fs/cgroup/memory.current") else { return machine }
        return min(machine, max(0, limit - used) >> 20)
    }

    private static func number(_ path: String) -> Int? {
        (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}
