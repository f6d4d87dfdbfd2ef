import Foundation

/// Runs `engine/train.py` in a child process of low priority.
public struct Trainer: Sendable {
    let paths: EnginePaths

    public init(paths: EnginePaths) { self.paths = paths }

    /// Trains and exports into `output` (`peft/`, `adapter.gguf`, `exit.json`). Cancelling the task
    /// ends the child within a second. Only `exit.json` makes it a success: an exit status alone
    /// never does.
    ///
    /// Called again with the same folder, settings and data it goes on from the last checkpoint there,
    /// or returns at once where that run is complete.
    /// - Parameter calibration: where this machine's speed is kept for ``TrainingEstimator``.
    public func train(
        _ config: TrainerConfig, into output: URL, calibration: URL? = nil, onEvent: @Sendable (TrainerEvent) async throws -> Void
    ) async throws -> TrainerResult {
        if let missing = paths.missing() { throw missing }
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let configuration = output.appending(path: "job.json")
        try JSONEncoder().encode(config).write(to: configuration)
        let record = output.appending(path: "exit.json")
        // Set aside, not believed: the trainer decides whether it was this very run. `exit.json` is always this attempt's.
        if FileManager.default.fileExists(atPath: record.path) {
            let earlier = output.appending(path: "exit.previous.json")
            try? FileManager.default.removeItem(at: earlier)
            try FileManager.default.moveItem(at: record, to: earlier)
        }

        let remember = calibration.map { ["--calibration", $0.path] } ?? []
        let child = Child(paths.command("train.py", ["--config", configuration.path, "--out", output.path] + remember, lowPriority: true))
        try await withTaskCancellationHandler {
            do {
                var reader = ByteReader(child.output)
                while let line = await reader.line() {
                    guard let event = try? JSONDecoder().decode(TrainerEvent.self, from: line) else { continue }
                    try await onEvent(event)
                }
            } catch {
                await child.stop()
                throw error
            }
        } onCancel: {
            Task { await child.stop() }
        }
        if Task.isCancelled {
            await child.stop()
            throw CancellationError()
        }
        return try result(record, await child.exit)
    }

    private func result(_ record: URL, _ exit: ChildExit) throws -> TrainerResult {
        struct Record: Decodable {
            struct Failure: Decodable {
                var code: String
                var message: String
                var hint: String?
            }
            var status: String
            var error: Failure?
        }
        guard let data = try? Data(contentsOf: record), let written = try? JSONDecoder().decode(Record.self, from: data) else {
            let killed = exit.status == -9 ? " (killed: often the machine ran out of memory)" : ""
            throw LocalModelError(
                code: "trainer_died", message: "the trainer ended without its exit record\(killed): \(exit.lastErrorLine)",
                hint: "start the job again: it goes on from its last checkpoint; with little memory, lower batch_size or max_tokens")
        }
        guard written.status == "completed" else {
            throw LocalModelError(
                code: written.error?.code ?? "trainer_failed", message: written.error?.message ?? "the trainer failed", hint: written.error?.hint)
        }
        return try JSONDecoder().decode(TrainerResult.self, from: data)
    }
}
