import Foundation
import Subprocess
import Synchronization

/// What to run. The child's environment is ours plus `environment`, minus everything secret.
struct ChildCommand: Sendable {
    var executable: String
    var arguments: [String]
    var environment: [String: String] = [:]
    /// `nice` 10: answers stay quick while a job trains.
    var lowPriority = false
}

/// How a child ended.
struct ChildExit: Sendable {
    /// Exit status, or minus the signal's number; nil when it never started.
    var status: Int?
    /// The last 8 KiB of what it wrote to its standard error.
    var errorTail: String

    /// The last line that says something, for a message.
    var lastErrorLine: String {
        errorTail.split(separator: "\n").last { !$0.trimmingCharacters(in: .whitespaces).isEmpty }.map(String.init) ?? "no output"
    }
}

/// One supervised child process. Its standard input stays open as long as we live: the engine's
/// scripts end themselves when it closes, so even a `kill -9` of the server leaves no orphan.
final class Child: Sendable {
    /// Chunks of standard output; ends when the child closes it.
    let output: AsyncStream<Data>
    private let input: AsyncStream<Data>.Continuation
    private let task: Task<ChildExit, Never>
    private let state: ChildState

    init(_ command: ChildCommand) {
        let (output, outputContinuation) = AsyncStream<Data>.makeStream()
        let (inputs, input) = AsyncStream<Data>.makeStream()
        let state = ChildState()
        self.output = output
        self.input = input
        self.state = state
        var command = command
        if let job = ChildJob.current { command.environment[ChildJob.variable] = job }
        task = Task { [command] in await Self.run(command, inputs: inputs, output: outputContinuation, state: state) }
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
        _ command: ChildCommand, inputs: AsyncStream<Data>, output: AsyncStream<Data>.Continuation, state: ChildState
    ) async -> ChildExit {
        defer { output.finish() }
        var options = PlatformOptions()
        // A group of its own: Ctrl-C in the terminal reaches the server, which then ends its children in order.
        options.processGroupID = 0
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .milliseconds(700))]
        let arguments = command.lowPriority ? ["-n", "10", command.executable] + command.arguments : command.arguments
        do {
            let result = try await Subprocess.run(
                .path(.init(command.lowPriority ? "/usr/bin/nice" : command.executable)), arguments: Arguments(arguments),
                environment: environment(command.environment), platformOptions: options, input: .inputWriter, output: .sequence, error: .sequence
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
                        for try await buffer in execution.standardOutput { output.yield(buffer.withUnsafeBytes { Data($0) }) }
                    } catch {}
                    output.finish()
                    group.cancelAll()
                }
            }
            let status: Int =
                switch result.terminationStatus {
                case .exited(let code): Int(code)
                case .signaled(let signal): -Int(signal)
                }
            return ChildExit(status: status, errorTail: state.errorTail)
        } catch {
            return ChildExit(status: nil, errorTail: state.errorTail.isEmpty ? "\(error)" : state.errorTail)
        }
    }

    /// Keys and database addresses are no business of a child.
    private static func environment(_ additions: [String: String]) -> Environment {
        var inherited = ProcessInfo.processInfo.environment
        for name in inherited.keys
        where name.contains("KEY") || name.contains("SECRET") || name.contains("TOKEN") || name.contains("PASSWORD") || name == "ATELIER_DATABASE_URL"
        {
            inherited[name] = nil
        }
        inherited["TOKENIZERS_PARALLELISM"] = nil
        inherited.merge(additions) { _, new in new }
        return .custom(Dictionary(uniqueKeysWithValues: inherited.map { (Environment.Key(stringLiteral: $0.key), $0.value) }))
    }
}

final class ChildState: Sendable {
    let processID = Mutex<Int32?>(nil)
    private let error = Mutex(Data())

    func appendError(_ data: Data) {
        error.withLock {
            $0.append(data)
            if $0.count > 8192 { $0 = Data($0.suffix(8192)) }
        }
    }

    var errorTail: String { error.withLock { String(decoding: $0, as: UTF8.self) } }
}
