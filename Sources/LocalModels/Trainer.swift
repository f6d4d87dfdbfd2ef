import Foundation

/// Runs `engine/training/train.py` in a child process of low priority.
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

        let base = URL(filePath: config.baseModel)
        // No bound on time or memory: both are the model's and the data's. Its processes meet on a loopback of their own.
        let confinement = Confinement(
            reads: [base, try await BaseModels(paths: paths).folder(of: base), URL(filePath: config.train), URL(filePath: config.validation)],
            writes: [output], network: .loopback, usesAccelerator: true, limits: ChildLimits(openFiles: 4096, processes: 4096, scratchBytes: 4 << 30))
        let speed = output.appending(path: "training-speed.json")
        if let calibration { Self.copy(calibration, to: speed) }
        let child = Child(
            paths.command(
                "training/train.py",
                ["--config", configuration.path, "--out", output.path] + (calibration == nil ? [] : ["--calibration", speed.path]),
                confinement, lowPriority: true))
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
        let exit = await child.exit
        try WrittenFiles.requirePlain(output)
        if let calibration { Self.copy(speed, to: calibration) }
        return try result(record, exit)
    }

    /// The trainer writes in its own folder alone; what it measured is kept for the others if it looks like that.
    private static func copy(_ source: URL, to target: URL) {
        guard let data = try? Data(contentsOf: source), data.count < 1 << 20, (try? JSONSerialization.jsonObject(with: data)) is [String: Any] else {
            return
        }
        try? data.write(to: target, options: .atomic)
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
                code: .trainerDied, message: "the trainer ended without its exit record\(killed): \(exit.lastErrorLine)",
                hint: "start the job again: it goes on from its last checkpoint; with little memory, lower batch_size or max_tokens")
        }
        guard written.status == "completed" else {
            guard let said = written.error else { throw LocalModelError(code: .trainerFailed, message: "the trainer failed") }
            throw LocalModelError(said: said.code, said.message, hint: said.hint)
        }
        return try JSONDecoder().decode(TrainerResult.self, from: data)
    }
}
