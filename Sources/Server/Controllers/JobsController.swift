import Answers
import Calls
import Domain
import Files
import Foundation
import Hummingbird
import Knowledge
import Providers
import ServiceLifecycle
import Store
import Training

/// `/api/users/{user_id}/external-training/jobs`
struct JobsController: Sendable {
    let store: Store
    let accounts: Accounts
    let data: DataDirectory
    let library: CollectionLibrary
    let worker: JobWorker
    let meter: Meter
    let catalog: ProviderCatalog
    let answers: AnswerPipeline
    let estimator: JobEstimator
    let trainingEnabled: Bool
    /// Of one job.
    let mostProcesses: Int

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: list)
        group.post(use: create)
        group.post("estimate", use: estimate)
        group.get("{job_id}", use: show)
        group.put("{job_id}", use: update)
        group.delete("{job_id}", use: delete)
        group.post("{job_id}/start", use: start)
        group.post("{job_id}/restart", use: restart)
        group.post("{job_id}/stop", use: stop)
        group.get("{job_id}/events", use: events)
        group.get("{job_id}/evaluation", use: evaluation)
    }

    /// Newest first; `?minion_id=`, `?status=` and `?origin=` leave only those of a minion, in a state, or started by a job's schedule
    /// or changed data.
    @Sendable func list(_ request: Request, context: OwnerContext) async throws -> Response {
        let query = request.uri.queryParameters
        return .json(
            try await store.user(context.owner).jobs(
                .from(request), minionID: query["minion_id"].map(String.init), status: request.jobStatus(), originID: query["origin"].map(String.init)
            ))
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).job(context.parameters.require("job_id")))
    }

    /// `"start": true` queues the job at once, or for the time in `run_at`.
    @Sendable func create(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        var fields = try await RequestFields(request, context: context)
        let draft = Self.read(&fields, current: nil)
        let runAt = fields.time("run_at")
        let start = fields.bool("start") ?? (runAt != nil)
        if !start, runAt != nil { fields.fail("run_at", "says when the job starts, and start is false") }
        let allowDuplicate = fields.bool("allow_duplicate") ?? false
        try await check(draft, rows, &fields)
        try fields.finish()
        if start { try requireTraining() }
        return try await Idempotent.create(request, fingerprint: "\(draft) \(start) \(runAt?.milliseconds ?? 0) \(allowDuplicate)", rows: rows) {
            func made() async throws -> TrainingJob {
                try await meter.creating(.trainingJobs, user: context.owner) { try await rows.createJob(draft, allowDuplicate: allowDuplicate) }
            }
            guard start else { return try await made() }
            let started = try await meter.startingJob(user: context.owner, minion: draft.minionID) {
                try await rows.startJob(made().id, runAt: runAt)
            }
            worker.nudge()
            return started
        }
    }

    /// The body of a create; nothing is made.
    @Sendable func estimate(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        var fields = try await RequestFields(request, context: context)
        let draft = Self.read(&fields, current: nil)
        // Read as a create would, so that a body that is good here is good there.
        _ = (fields.bool("start"), fields.time("run_at"), fields.bool("allow_duplicate"))
        try await check(draft, rows, &fields)
        try fields.finish()
        do {
            let costs = try await JobCostEstimator(store: store, data: data, answers: answers).costs(draft, user: context.owner)
            return .json(JobEstimate(training: try await estimator.estimate(draft, user: context.owner), costs: costs))
        } catch let failure as JobFailure {
            throw APIError(
                status: .unprocessableContent, code: failure.code, message: failure.message, details: failure.hint.map { [.init(hint: $0)] } ?? [])
        }
    }

    @Sendable func update(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let current = try await rows.jobToChange(context.parameters.require("job_id"))
        var fields = try await RequestFields(request, context: context)
        let draft = Self.read(&fields, current: current)
        try await check(draft, rows, &fields)
        try fields.finish()
        return .json(try await rows.updateJob(current.id, draft))
    }

    @Sendable func delete(_ request: Request, context: OwnerContext) async throws -> Response {
        let id = try context.parameters.require("job_id")
        try await discard(store.user(context.owner).deleteJob(id))
        try data.remove(DataPaths.job(id, user: context.owner))
        return .noContent
    }

    /// Goes on where an earlier attempt ended, as far as its work is kept.
    @Sendable func start(_ request: Request, context: OwnerContext) async throws -> Response {
        try requireTraining()
        let rows = store.user(context.owner)
        let pending = try await rows.job(context.parameters.require("job_id"))
        let runAt = try await runAt(request, context)
        let job = try await meter.startingJob(user: context.owner, minion: pending.minionID) { try await rows.startJob(pending.id, runAt: runAt) }
        worker.nudge()
        return .json(job)
    }

    /// Throws away what earlier attempts have made of the job, and begins anew.
    @Sendable func restart(_ request: Request, context: OwnerContext) async throws -> Response {
        try requireTraining()
        let rows = store.user(context.owner)
        let old = try await rows.job(context.parameters.require("job_id"))
        guard !old.status.isActive else {
            throw StoreError.invalidState("the job is \(old.status.rawValue) and cannot be restarted: stop it first")
        }
        // Processes of it may still be ending.
        try await worker.stopped(old.id)
        let runAt = try await runAt(request, context)
        let job = try await meter.startingJob(user: context.owner, minion: old.minionID) {
            // Before it is queued: from then on a worker may write there.
            try data.remove(DataPaths.job(old.id, user: context.owner))
            let (job, unfinished) = try await rows.restartJob(old.id, runAt: runAt)
            try await discard(unfinished)
            return job
        }
        worker.nudge()
        return .json(job)
    }

    private func runAt(_ request: Request, _ context: OwnerContext) async throws -> Date? {
        var fields = try await RequestFields(optional: request, context: context)
        let runAt = fields.time("run_at")
        try fields.finish()
        return runAt
    }

    /// A folder that no row refers to any more.
    private func discard(_ folder: String?) async throws {
        guard let folder else { return }
        await library.close(under: data.url(folder))
        try CollectionFolder.remove(data.url(folder))
    }

    /// Replies when the work has ended and no process of it is left.
    @Sendable func stop(_ request: Request, context: OwnerContext) async throws -> Response {
        let job = try await store.user(context.owner).stopJob(context.parameters.require("job_id"))
        try await worker.stopped(job.id)
        return .json(job)
    }

    /// The job's history from `Last-Event-ID` (or `?after=`) on, then live until the job ends.
    @Sendable func events(_ request: Request, context: OwnerContext) async throws -> Response {
        let rows = store.user(context.owner)
        let job = try await rows.job(context.parameters.require("job_id"))
        func number(_ name: String, _ text: String?) throws -> Int? {
            guard let text else { return nil }
            guard let number = Int(text), number >= 0 else { throw APIError.badRequest("\(name) must be a number this stream has sent") }
            return number
        }
        let query = try number("after", request.uri.queryParameters["after"].map(String.init))
        let after = try number("Last-Event-ID", request.headers[.init("Last-Event-ID")!]) ?? query ?? 0
        let open = try await meter.eventStream(user: context.owner)
        return ServerSentEvents.response(session: context.token, of: context.caller.id, accounts) { send in
            defer { withExtendedLifetime(open) {} }
            var seq = after
            while true {
                // Status before events: what ended the job is then surely among the events read after it.
                let isOver = try await !rows.job(job.id).status.isActive
                let events = try await rows.jobEvents(job.id, after: seq)
                for event in events {
                    await send(ServerSentEvents.frame(id: String(event.seq), event: event.type, data: Self.data(event)))
                    seq = event.seq
                }
                if events.count == 500 { continue }
                // A server that is told to stop does not wait for the job to end; the client comes back with Last-Event-ID.
                if isOver || Task.isShuttingDownGracefully { return }
                try await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    /// The ablation table: the release's, or as far as it is while the job runs.
    @Sendable func evaluation(_ request: Request, context: OwnerContext) async throws -> Response {
        .json(try await store.user(context.owner).evaluation(ofJob: context.parameters.require("job_id")))
    }

    private static func data(_ event: JobEvent) -> String {
        var payload = (try? JSONValue(parsing: event.payload))?.objectValue ?? [:]
        payload["at"] = .string(event.at.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        return JSONValue.object(payload).serialized()
    }

    private func requireTraining() throws {
        guard trainingEnabled else {
            throw APIError(
                status: .serviceUnavailable, code: "training_disabled", message: "training is switched off on this server (EXTERNAL_TRAINING_ENABLED)"
            )
        }
    }

    private static func read(_ fields: inout RequestFields, current: TrainingJob?) -> TrainingJobDraft {
        var config = current?.config ?? TrainingConfig()
        fields.nested("config") { inner in
            inner.read(into: &config)
            TrainerFields.check(&inner, &config)
            inner.nested("embedder") { embedder in
                let provider = embedder.required("provider")
                // This server's own, to go back to it.
                if provider == "local" {
                    config.embedder = nil
                } else {
                    config.embedder = ModelRoute(provider: provider, model: embedder.required("model"))
                }
            }
            readCollectionUpdate(&inner, &config)
            EvaluationFields.read(&inner, &config.evaluation)
        }
        let plan = JobPlanFields.read(&fields, current: current)
        let minion = current == nil ? fields.required("minion_id") : fields.string("minion_id", length: 1...200) ?? current!.minionID
        let kind = fields.choice("training_type", TrainingJob.Kind.self)
        if current == nil, !fields.has("training_type") { fields.fail("training_type", "is required", hint: "hybrid, rag_only or lora_only") }
        var draft = TrainingJobDraft(
            jobName: fields.name("job_name") ?? current?.jobName ?? "Training", minionID: minion,
            trainingType: kind ?? current?.trainingType ?? .hybrid, datasetIDs: fields.strings("dataset_ids") ?? current?.datasetIDs ?? [],
            config: config, holdsRelease: current == nil ? fields.bool("hold_release") ?? false : false)
        draft.plan = plan
        return draft
    }

    private static func readCollectionUpdate(_ fields: inout RequestFields, _ config: inout TrainingConfig) {
        fields.nested("collection_filter") { inner in
            let filter = SearchFields.filter(&inner)
            // An empty filter would match every document: `replace_all` says that in plain words.
            config.collectionFilter = filter.isEmpty ? nil : filter
        }
        if config.collectionUpdate != .replaceMatching {
            if fields.has("collection_filter") { fields.fail("collection_filter", "is for collection_update replace_matching alone") }
            config.collectionFilter = nil
        } else if config.collectionFilter == nil {
            fields.fail(
                "collection_filter", "needs a condition: which documents go", hint: "{\"tags_any\": [\"draft\"]}, or documents, kinds, from, to")
        }
    }

    /// What the rows say of the fields: the minion and the datasets exist and suit the type.
    private func check(_ draft: TrainingJobDraft, _ rows: UserStore, _ fields: inout RequestFields) async throws {
        guard fields.problems.isEmpty else { return }
        var minion: Minion?
        do {
            minion = try await rows.minion(draft.minionID)
            if let minion { EvaluationFields.check(draft.config.evaluation, minion, &fields) }
        } catch StoreError.notFound { fields.fail("minion_id", "there is no such minion") }
        var datasets: [Dataset] = []
        for (index, id) in draft.datasetIDs.enumerated() {
            do {
                let dataset = try await rows.dataset(id)
                datasets.append(dataset)
                if !dataset.isActive { fields.fail("dataset_ids[\(index)]", "dataset \"\(dataset.datasetName)\" is not active") }
            } catch StoreError.notFound { fields.fail("dataset_ids[\(index)]", "there is no such dataset") }
        }
        if let embedder = draft.config.embedder, try await catalog.selection(for: rows.userID).info(embedder.provider) == nil {
            fields.fail("config.embedder.provider", "there is no provider \"\(embedder.provider)\"", hint: "GET …/providers lists them")
        }
        if draft.trainingType.trainsAdapter, let base = draft.config.baseModel, let refused = estimator.refusal(of: base) {
            fields.fail("config.base_model", refused.message, hint: refused.hint)
        }
        if draft.config.processes > mostProcesses {
            fields.fail(
                "config.processes", "must be at most \(mostProcesses) here", hint: "the operator sets it with ATELIER_TRAINING_PROCESSES")
        }
        if draft.config.chunkOverlap >= draft.config.chunkTokens { fields.fail("config.chunk_overlap", "must be smaller than chunk_tokens") }
        guard fields.problems.isEmpty, let minion else { return }
        let kinds = Set(datasets.map(\.datasetType))
        if draft.trainingType.trainsAdapter, !kinds.contains(.jsonl) {
            fields.fail("dataset_ids", "\(draft.trainingType.rawValue) needs a dataset of type jsonl (chat examples)")
        }
        if draft.trainingType.buildsCollection, !kinds.contains(.rag) {
            fields.fail("dataset_ids", "\(draft.trainingType.rawValue) needs a dataset of type rag (documents)")
        }
        if let estimate = try await answers.restyleEstimate(draft, minion, datasets) { Self.agree(draft.config.restyleBudget, estimate, &fields) }
    }

    /// Nothing is paid for that was not agreed to: the budget must be there, and hold what the paraphrases may come to.
    private static func agree(_ budget: Double?, _ estimate: RestyleEstimate, _ fields: inout RequestFields) {
        guard let cost = estimate.cost else {
            return fields.fail(
                "config.restyle_budget", "what \(estimate.paraphraser) costs is not known, so no budget can be kept",
                hint: "write its price on the provider key, or set config.restyle_paraphraser to base")
        }
        let words =
            "up to \(estimate.pieces) paraphrases by \(estimate.paraphraser) may cost $\(cost.formatted(.number.precision(.fractionLength(2...6))))"
        if let budget {
            if budget < cost { fields.fail("config.restyle_budget", "is too small: \(words)", hint: "raise it, or lower config.restyle_pairs") }
        } else if cost > 0 {
            fields.fail("config.restyle_budget", "is required: \(words)", hint: "agree by sending it, or set config.restyle_paraphraser to base")
        }
    }
}
