import Foundation
import LocalModels
import Store
import Synchronization

/// The trainer's lines as the job's history. An attempt that goes on from a checkpoint repeats the steps after it; what
/// the history has already is not told twice.
final class TrainingEvents: Sendable {
    /// The last step of the training that goes on.
    private struct Told {
        var hasStarted = false
        var step = 0
        var validated = 0
    }

    private struct Payload: Decodable {
        var step: Int?
        var stage: String?
    }

    /// What of the examples is left out or cut, among others.
    private struct Warning: Encodable {
        var message: String
        var hint: String?
        var code: String?
        var count: Int?
    }

    private let context: JobContext
    private let told: Mutex<Told>

    init(_ context: JobContext, store: Store) async throws {
        self.context = context
        var told = Told()
        var seq = 0
        while true {
            let events = try await store.user(context.job.userID).jobEvents(context.job.id, after: seq)
            for event in events {
                let payload = try? JSONDecoder().decode(Payload.self, from: Data(event.payload.utf8))
                let step = payload?.step ?? 0
                switch event.type {
                case "started": told = Told(hasStarted: true)
                // Other stages count steps of their own.
                case "progress" where payload?.stage == context.stage: told.step = max(told.step, step)
                case "validation": told.validated = max(told.validated, step)
                default: break
                }
            }
            guard let last = events.last else { break }
            seq = last.seq
        }
        self.told = Mutex(told)
    }

    func report(_ event: TrainerEvent) async throws {
        switch event.event {
        case "progress":
            guard told.withLock({ event.step ?? 0 > $0.step }) else { return }
            try await progress(event)
        case "validation":
            guard told.withLock({ event.step ?? 0 > $0.validated }) else { return }
            try await context.event("validation", event)
        case "started":
            told.withLock { $0 = Told(hasStarted: true) }
            try await context.event("started", event)
        case "resumed":
            // Killed between its first checkpoint and the word of its start: then this is it.
            let isFirst = told.withLock { told in
                defer { told.hasStarted = true }
                return !told.hasStarted
            }
            var event = event
            if isFirst { event.event = "started" }
            try await context.event(event.event, event)
        case "stopped_early", "resources": try await context.event(event.event, event)
        case "warning":
            try await context.event(
                "log", Warning(message: event.message ?? "warning from the trainer", hint: event.hint, code: event.code, count: event.count))
        case "loading": try await context.event("log", ["message": "loading the base model"])
        case "exporting": try await context.event("log", ["message": "exporting the adapter to GGUF"])
        case "already_trained": try await context.event("log", ["message": "the adapter is trained already; nothing of it is repeated"])
        default: break
        }
    }

    private func progress(_ event: TrainerEvent) async throws {
        var details = ProgressDetails()
        details.step = event.step
        details.steps = event.steps
        details.epoch = event.epoch
        details.loss = event.loss
        details.learningRate = event.learningRate
        details.tokens = event.tokens
        details.tokensTotal = event.tokensTotal
        details.tokensPerSecond = event.tokensPerSecond
        details.secondsLeft = event.secondsLeft
        let fraction = Double(event.tokens ?? 0) / Double(max(1, event.tokensTotal ?? 1))
        try await context.progress(fraction, details)
    }
}
