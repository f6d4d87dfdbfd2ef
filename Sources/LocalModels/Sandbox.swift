import Foundation

/// How children are kept from what is none of their business: a clean environment, limits and a system call filter
/// (`engine/confine.py`), and on Linux with bubblewrap namespaces of their own, in which there is no network, no other
/// process and no file but what ``Confinement`` names.
public struct Sandbox: Sendable {
    /// What the operator asks for.
    public enum Mode: String, Sendable, CaseIterable {
        /// All that works on this machine.
        case auto
        /// All of it, or no start.
        case required
        /// No namespaces; the clean environment and the limits stay.
        case off
    }

    /// Path of bubblewrap; nil where children run without namespaces.
    var bubblewrap: String?
    /// bubblewrap's arguments for what every child sees: the system, Python and the engine.
    var common = SandboxView()
    /// Devices of accelerators, for the children that compute on them.
    var devices: [String] = []
    /// Names of further environment variables that children get.
    var passedNames: Set<String> = []
    /// Address space of a child that reads foreign files, in bytes.
    var workerMemory = 2 << 30
    /// What is missing here, in words; nil where nothing is.
    public var shortcoming: String?
    /// False where the engine was not there to prepare a sandbox for.
    var isPrepared = true

    /// A clean environment and limits alone.
    public static let withoutNamespaces = Sandbox()

    /// The variables every child gets where they are set: what numerics and accelerators are tuned with, and nothing that is a secret.
    static let environmentNames: Set<String> = [
        "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "OPENBLAS_CORETYPE", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
        "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ENABLE_MPS_FALLBACK",
    ]

    /// What to start for a command.
    struct Launch: Sendable, Equatable {
        var executable: String
        var arguments: [String]
        var environment: [String: String]
    }

    func launch(_ command: ChildCommand, inherited: [String: String] = ProcessInfo.processInfo.environment) -> Launch {
        var environment = inherited.filter { Self.environmentNames.contains($0.key) || passedNames.contains($0.key) }
        var line = [command.executable] + command.arguments
        if let bubblewrap {
            environment["HOME"] = "/tmp"
            line = [bubblewrap] + arguments(command.confinement) + ["--"] + line
        } else {
            // A folder of its own for what libraries keep: another user could prepare one that all share.
            for name in ["HOME", "TMPDIR"] { environment[name] = inherited[name] }
        }
        environment["PYTHONNOUSERSITE"] = "1"
        environment.merge(command.environment) { _, new in new }
        environment[ChildLimits.variable] = command.confinement.limits.json(network: command.confinement.network, inNamespace: bubblewrap != nil)
        if command.lowPriority { line = ["/usr/bin/nice", "-n", "10"] + line }
        return Launch(executable: line[0], arguments: Array(line.dropFirst()), environment: environment)
    }

    /// bubblewrap's arguments. Later ones lie over earlier ones.
    private func arguments(_ confinement: Confinement) -> [String] {
        // With its own session, so that a terminal the server was started from cannot be typed into.
        var arguments = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
        if confinement.network == .listen { arguments.append("--share-net") }
        // bubblewrap's /dev holds null, zero, random, tty and the like.
        arguments += ["--proc", "/proc", "--dev", "/dev"]
        for folder in ["/dev/shm", "/tmp"] { arguments += ["--size", String(confinement.limits.scratchBytes), "--tmpfs", folder] }
        if confinement.usesAccelerator, !devices.isEmpty {
            for device in devices { arguments += ["--dev-bind-try", device, device] }
            arguments += ["--ro-bind-try", "/sys", "/sys"]
        }
        arguments += ["--remount-ro", "/dev"]
        var view = common
        for url in confinement.reads { view.add(url.path, followingLinks: true) }
        for url in confinement.writes { view.add(url.path, option: "--bind") }
        return arguments + view.arguments + ["--remount-ro", "/", "--chdir", "/tmp"]
    }
}

/// What one child may see and do.
struct Confinement: Sendable {
    enum Network: String, Sendable {
        case none
        /// Between the processes of this child alone; where there are no namespaces, the machine's.
        case loopback
        /// Accepts connections on the machine's network and makes none.
        case listen
    }

    /// Files and folders it reads. One that is a link is read at its target.
    var reads: [URL] = []
    /// Folders it writes in; they must be there.
    var writes: [URL] = []
    var network = Network.none
    var usesAccelerator = false
    var limits = ChildLimits()

    /// For a child that reads what somebody sent: one process with bounded memory, time and output.
    static func worker(_ sandbox: Sandbox, reads: [URL], writes: [URL], fileBytes: Int) -> Confinement {
        Confinement(
            reads: reads, writes: writes,
            limits: ChildLimits(
                memory: sandbox.workerMemory, cpuSeconds: 600, fileBytes: fileBytes, openFiles: 256, processes: 0,
                outputBytes: ChildLimits.scriptOutput))
    }

    /// For a child that computes with files of ours: as much memory as that takes.
    static func tool(reads: [URL], writes: [URL] = [], usesAccelerator: Bool = false) -> Confinement {
        Confinement(
            reads: reads, writes: writes, usesAccelerator: usesAccelerator,
            limits: ChildLimits(
                cpuSeconds: 24 * 3600, openFiles: 1024, processes: 0, scratchBytes: 1 << 30, outputBytes: ChildLimits.scriptOutput))
    }
}

/// Bounds of one child, which `engine/confine.py` sets in it; nil sets none.
struct ChildLimits: Sendable, Equatable {
    static let variable = "ATELIER_CONFINE"

    /// Bytes of address space.
    var memory: Int?
    var cpuSeconds: Int?
    /// Bytes of any one file.
    var fileBytes: Int?
    var openFiles: Int?
    /// Processes and threads; 0 allows threads only.
    var processes: Int?
    /// Bytes of temporary files, which are memory.
    var scratchBytes = 64 << 20
    /// Bytes on its standard output, all together; it is killed when it writes more.
    var outputBytes: Int?
    static let scriptOutput = 64 << 20

    func json(network: Confinement.Network, inNamespace: Bool) -> String {
        var fields = ["\"network\":\"\(network.rawValue)\"", "\"namespace\":\(inNamespace)"]
        for (name, value) in [("memory", memory), ("cpu", cpuSeconds), ("file", fileBytes), ("open", openFiles), ("processes", processes)] {
            if let value { fields.append("\"\(name)\":\(value)") }
        }
        return "{\(fields.joined(separator: ","))}"
    }

    /// What a child that ended like this ran into, in words.
    /// - Parameter status: minus the signal's number.
    func exceeded(_ status: Int?) -> String? {
        switch status {
        case -24: cpuSeconds.map { "it takes more than the \($0) s of processor time allowed" }  // SIGXCPU
        case -4, -6, -7, -9, -11:
            // Libraries that get no memory end themselves in different ways.
            memory.map { "it crashed, or takes more than the \($0 >> 20) MiB of memory allowed (ATELIER_WORKER_MEMORY_MB)" }
        default: nil
        }
    }
}

/// A view of the file system for bubblewrap: each path at its own place, with the links that lead to it.
struct SandboxView: Sendable {
    private(set) var arguments: [String] = []
    /// Folders that are there with all below them, and those among them that are emptied again.
    private var covered: [String] = []
    private var hidden: [String] = []

    /// Shows `path`. What is not there is left out.
    /// - Parameter followingLinks: also what the links in a folder lead to, as model folders often have them.
    mutating func add(_ path: String, option: String = "--ro-bind", followingLinks: Bool = false) {
        let path = URL(filePath: path).standardized.path
        guard let real = Self.resolved(path) else { return }
        if option != "--ro-bind" || !covers(real) {
            arguments += [option, real, real]
            covered.append(real)
        }
        if path != real, !covers(path) {
            arguments += ["--symlink", real, path]
            covered.append(path)
        }
        guard followingLinks else { return }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: real)) ?? [] {
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(real)/\(name)") else { continue }
            // A relative one leads on from the folder's real place, where the folder is shown too.
            if let place = target.hasPrefix("/") ? target : Self.resolved("\(real)/\(target)") { add(place) }
        }
    }

    /// Shows a link of the system (`/lib` → `usr/lib`) as it is, or the folder in its place.
    mutating func addSystem(_ path: String) {
        if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) {
            arguments += ["--symlink", target, path]
            covered.append(path)
        } else {
            add(path)
        }
    }

    /// Puts something empty over a path that a folder above it would show. What is below can be shown again.
    mutating func hide(_ path: String) {
        guard let real = Self.resolved(path), covers(real) else { return }
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: real, isDirectory: &isFolder)
        arguments += isFolder.boolValue ? ["--size", "1048576", "--tmpfs", real] : ["--ro-bind", "/dev/null", real]
        hidden.append(real)
    }

    private func covers(_ path: String) -> Bool {
        let (shown, masked) = (depth(path, covered), depth(path, hidden))
        return shown > 0 && shown > masked
    }

    /// Length of the longest of the paths that is `path` or above it.
    private func depth(_ path: String, _ paths: [String]) -> Int {
        paths.filter { path == $0 || path.hasPrefix($0 == "/" ? "/" : $0 + "/") }.map(\.count).max() ?? 0
    }

    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}
