import Foundation
import Subprocess
import Synchronization

/// What to run, and what of the machine it gets.
struct ChildCommand: Sendable {
    var executable: String
    var arguments: [String]
    /// Beside what the sandbox lets through of ours.
    var environment: [String: String] = [:]
    /// `nice` 10: answers stay quick while a job trains.
    var lowPriority = false
    var confinement: Confinement
    var sandbox: Sandbox
}

/// How a child ended.
struct ChildExit: Sendable {
    /// Exit status, or minus the signal's number; nil when it never started.
    var status: Int?
    /// The last 8 KiB of what it wrote to its standard error.
    var errorTail: String
    /// The limit it ran into, in words.
    var exceeded: String?

    /// Whether a signal ended it; behind a shell or bubblewrap that is a status of 128 and more.
    var isKilled: Bool { status.map { $0 < 0 || $0 > 128 } ?? false }

    /// The limit it ran into, or the last line that says something, for a message.
    var lastErrorLine: String {
        exceeded ?? errorTail.split(separator: "\n").last { !$0.trimmingCharacters(in: .whitespaces).isEmpty }.map(String.init) ?? "no output"
    }
}

/// One supervised child process. Its standard input stays open as long as we live: the engine's
/// scripts end themselves when it closes, so even a `kill -9` of the server leaves no orphan.
final class Child: Sendable {
    /// Its standard output; ends when the child closes it.
    let output = ChildOutput()
    private let input: AsyncStream<Data>.Continuation
    private let task: Task<ChildExit, Never>
    private let state: ChildState

    init(_ command: ChildCommand) {
        let (inputs, input) = AsyncStream<Data>.makeStream()
        let state = ChildState()
        self.input = input
        self.state = state
        var command = command
        if let job = ChildJob.current { command.environment[ChildJob.variable] = job }
        task = Task { [command, output] in await Self.run(command, inputs: inputs, output: output, state: state) }
    }

    /// The process id, once it runs.
    var processID: Int32? { state.processID.withLock { $0 } }

    func write(_ data: Data) { input.yield(data) }

    /// How it ended; waits for that.
    var exit: ChildExit { get async { await task.value } }

    /// SIGTERM, then SIGKILL after 0.7 s; returns when the process is gone.
    @discardableResult
    func stop() async -> ChildExit {
        task.cancel()
        return await task.value
    }

    private static func run(
        _ command: ChildCommand, inputs: AsyncStream<Data>, output: ChildOutput, state: ChildState
    ) async -> ChildExit {
        defer { output.finish() }
        var options = PlatformOptions()
        // A group of its own: Ctrl-C in the terminal reaches the server, which then ends its children in order.
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .milliseconds(700))]
        let launch = command.sandbox.launch(command)
        let limits = command.confinement.limits
        do {
            let result = try await Subprocess.run(
                .path(.init(launch.executable)), arguments: Arguments(launch.arguments),
                environment: .custom(Dictionary(uniqueKeysWithValues: launch.environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
                platformOptions: options, input: .inputWriter, output: .sequence, error: .sequence
            ) { execution in
                state.processID.withLock { $0 = execution.processIdentifier.value }
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for await data in inputs {
                            // A child that is gone is reported by its exit, not by a failed write.
                            guard (try? await execution.standardInputWriter.write(Array(data))) != nil else { return }
                        }
                    }
                    group.addTask {
                        do {
                            for try await buffer in execution.standardError { state.appendError(buffer.withUnsafeBytes { Data($0) }) }
                        } catch {}
                    }
                    do {
                        var bytes = 0
                        for try await buffer in execution.standardOutput {
                            let data = buffer.withUnsafeBytes { Data($0) }
                            bytes += data.count
                            let isTooMuch = limits.outputBytes.map { bytes > $0 } ?? false
                            if isTooMuch { output.refuse() }
                            if await !output.write(data) {
                                state.exceeded.withLock { $0 = "it writes more than is allowed, or lines without an end" }
                                try? execution.send(signal: .kill)
                            }
                        }
                    } catch {}
                    output.finish()
                    group.cancelAll()
                }
            }
            let status: Int =
                switch result.terminationStatus {
                // bubblewrap and shells say a signal as 128 and its number.
                case .exited(let code): code > 128 ? 128 - Int(code) : Int(code)
                case .signaled(let signal): -Int(signal)
                }
            let exceeded = state.exceeded.withLock { $0 } ?? (status == 0 ? nil : limits.exceeded(status))
            return ChildExit(status: status, errorTail: state.errorTail, exceeded: exceeded)
        } catch {
            return ChildExit(status: nil, errorTail: state.errorTail.isEmpty ? "\(error)" : state.errorTail)
        }
    }
}

final class ChildState: Sendable {
    let processID = Mutex<Int32?>(nil)
    /// The limit it was killed for, in words.
    let exceeded = Mutex<String?>(nil)
    private let error = Mutex(Data())

    func appendError(_ data: Data) {
        error.withLock {
            $0.append(data)
            if $0.count > 8192 { $0 = Data($0.suffix(8192)) }
        }
    }

    var errorTail: String { error.withLock { String(decoding: $0, as: UTF8.self) } }
}
