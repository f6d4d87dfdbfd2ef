import Foundation

extension UserStore {
    /// A release of this minion.
    public func release(_ id: String, minionID: String) async throws -> Release {
        try await database.read { try release($0, id, minionID) }
    }

    /// What has happened to a release, oldest first.
    public func releaseEvents(_ id: String) async throws -> [ReleaseEvent] {
        try await database.read { connection in
            try connection.query("SELECT * FROM release_events WHERE release_id = $1 AND user_id = $2 ORDER BY ordinal", .text(id), user)
                .readable(ReleaseEvent.init)
        }
    }

    /// Makes the release answer, from the next request on.
    /// - Parameter appliesSettings: also gives the minion the settings the release was made with.
    /// - Throws: ``StoreError/invalidState(_:)`` where it answers already, or a part of it was deleted.
    public func promote(_ id: String, minionID: String, appliesSettings: Bool = false, reason: String) async throws -> Release {
        try await database.write { connection in
            let release = try release(connection, id, minionID)
            guard release.state != .active else { throw StoreError.invalidState("release \(release.number) answers already") }
            try requireWhole(release)
            let states = states(connection, minionID)
            let promoted = try states.activate(release, reason: reason)
            if appliesSettings { try apply(connection, release, minionID) }
            return promoted
        }
    }

    /// Goes back to the release that was active before, from the next request on. The one that answers now is
    /// rejected: going back again goes further back.
    /// - Returns: the release that answers now.
    public func rollback(minionID: String, reason: String) async throws -> Release {
        try await database.write { connection in
            _ = try row(connection, "external_api_models", minionID, what: "minion")
            let states = states(connection, minionID)
            let rows = try connection.query(
                """
                SELECT * FROM releases WHERE minion_id = $1 AND user_id = $2 AND state = 'retired' AND promoted_at IS NOT NULL
                ORDER BY promoted_at DESC, number DESC
                """, .text(minionID), user)
            guard let previous = try rows.readable(Release.init).first else {
                throw StoreError.invalidState("there is no earlier release to go back to")
            }
            try requireWhole(previous)
            return try states.activate(
                previous, reason: reason, event: "rolled_back", leaving: .rejected,
                leavingReason: "rolled back to release \(previous.number): \(reason)")
        }
    }

    /// Begins a trial: from the next request on the release answers its share.
    public func startCanary(_ id: String, minionID: String, _ settings: CanarySettings) async throws -> Canary {
        try await database.write { connection in
            let release = try release(connection, id, minionID)
            guard release.state != .active else { throw StoreError.invalidState("release \(release.number) answers already") }
            try requireWhole(release)
            let states = states(connection, minionID)
            guard try states.canary() == nil else { throw StoreError.invalidState("another trial is under way: end it first") }
            let canary = Canary(id: RowID.make("can"), releaseID: id, settings: settings, startedAt: states.now)
            try connection.query(
                "UPDATE external_api_models SET canary = $2, updated_at = $3 WHERE id = $1 AND user_id = $4", .text(minionID),
                try SQLValue(json: canary),
                SQLValue(states.now), user)
            try states.set(release, .canary, "answers \(settings.percent) % of the requests", event: "canary_started")
            try connection.audit(.releaseCanary, target: id, of: userID, ["minion": minionID, "reason": "\(settings.percent) %"])
            return canary
        }
    }

    /// Ends the trial; its release is a candidate again.
    public func endCanary(minionID: String) async throws -> Release? {
        try await database.write { connection in
            _ = try row(connection, "external_api_models", minionID, what: "minion")
            let states = states(connection, minionID)
            guard let canary = try states.canary() else { throw StoreError.invalidState("no trial is under way") }
            return try states.endCanary(canary, .candidate, "the trial was ended")
        }
    }

    /// What the trial's two arms have done.
    public func canaryFigures(_ canary: Canary) async throws -> (active: CanaryFigures, canary: CanaryFigures) {
        try await database.read { try figures($0, canary) }
    }

    /// Counts one request of a trial and does what the figures then say, in one transaction.
    /// - Returns: what they say; nil where the trial is over, and the request counts for nothing.
    @discardableResult
    public func observe(_ canary: Canary, minionID: String, arm: CanaryArm, failed: Bool, milliseconds: Double) async throws -> CanaryVerdict? {
        try await database.write { connection in
            let states = states(connection, minionID)
            guard let running = try states.canary(), running.id == canary.id else { return nil }
            var one = CanaryFigures()
            one.add(failed: failed, milliseconds: milliseconds)
            try connection.query(
                """
                INSERT INTO canary_arms (canary_id, arm, minion_id, requests, failures, log_sum, log_square_sum) VALUES ($1, $2, $3, 1, $4, $5, $6)
                ON CONFLICT (canary_id, arm) DO UPDATE SET requests = canary_arms.requests + 1, failures = canary_arms.failures + $4,
                    log_sum = canary_arms.log_sum + $5, log_square_sum = canary_arms.log_square_sum + $6
                """,
                .text(canary.id), .text(arm.rawValue), .text(minionID), SQLValue(one.failures), SQLValue(one.logSum), SQLValue(one.logSquareSum))
            let (active, trial) = try figures(connection, running)
            let verdict = CanaryVerdict.decide(running.settings, active: active, canary: trial)
            switch verdict {
            case .goOn: break
            case .rollBack(let reason): try states.endCanary(running, .rejected, reason)
            case .promote(let reason): try states.activate(release(connection, running.releaseID, minionID), reason: reason)
            }
            return verdict
        }
    }

    private func figures(_ connection: any Connection, _ canary: Canary) throws -> (active: CanaryFigures, canary: CanaryFigures) {
        var figures: [CanaryArm: CanaryFigures] = [:]
        for row in try connection.query("SELECT * FROM canary_arms WHERE canary_id = $1", .text(canary.id)) {
            guard let arm = CanaryArm(rawValue: try row.text("arm")) else { continue }
            let read = try [row].readable {
                CanaryFigures(
                    requests: try $0.int("requests"), failures: try $0.int("failures"), logSum: try $0.double("log_sum"),
                    logSquareSum: try $0.double("log_square_sum"))
            }
            figures[arm] = read.first
        }
        return (figures[.active] ?? .init(), figures[.canary] ?? .init())
    }

    func states(_ connection: any Connection, _ minionID: String) -> ReleaseStates {
        ReleaseStates(connection: connection, user: userID, minionID: minionID, now: Date())
    }

    func release(_ connection: any Connection, _ id: String, _ minionID: String) throws -> Release {
        let release = try Release(row: row(connection, "releases", id, what: "release"))
        guard release.minionID == minionID else { throw StoreError.notFound("release") }
        return release
    }

    /// A release that lost its adapter or its collection would answer, but not as itself.
    func requireWhole(_ release: Release) throws {
        guard let content = try release.readContent() else { return }
        for (part, isThere, name) in [
            (content.adapter != nil, release.adapterID != nil, "adapter"), (content.collection != nil, release.collectionID != nil, "collection"),
        ] where part && !isThere {
            throw StoreError.invalidState("the \(name) of release \(release.number) was deleted")
        }
    }

    func apply(_ connection: any Connection, _ release: Release, _ minionID: String) throws {
        guard let settings = try release.readContent()?.settings else {
            throw StoreError.invalidState("release \(release.number) was made before settings were kept with releases")
        }
        try connection.query(
            "UPDATE external_api_models SET system_prompt = $3, sampling = $4, pipeline = $5, updated_at = $6 WHERE id = $1 AND user_id = $2",
            .text(minionID), user, .text(settings.systemPrompt), try SQLValue(json: settings.sampling), try SQLValue(json: settings.pipeline),
            SQLValue(Date()))
    }
}
