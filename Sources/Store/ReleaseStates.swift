import Foundation

/// The moves between a release's states. Each is told to the history and to webhooks; all of one change are one
/// transaction, so that a minion never has two active releases.
struct ReleaseStates {
    let connection: any Connection
    let user: String
    let minionID: String
    let now: Date

    /// The release that answers now.
    func active() throws -> Release? {
        try connection.query(
            """
            SELECT r.* FROM releases r JOIN external_api_models m ON m.release_id = r.id WHERE m.id = $1 AND m.user_id = $2
            """, .text(minionID), .text(user)
        ).first.map(Release.init)
    }

    func canary() throws -> Canary? {
        try connection.query("SELECT id, canary FROM external_api_models WHERE id = $1 AND user_id = $2", .text(minionID), .text(user)).first?
            .optionalJSON("canary")
    }

    /// Makes the release answer; the one before gives its place, and a trial ends.
    /// - Parameter event: what is told of it: `promoted`, or `rolled_back` of a return to it.
    @discardableResult
    func activate(_ release: Release, reason: String, event: String = "promoted", leaving: Release.State = .retired, leavingReason: String? = nil)
        throws
        -> Release
    {
        do {
            if let current = try active(), current.id != release.id {
                try set(current, leaving, leavingReason ?? "release \(release.number) answers in its place", event: leaving.rawValue)
            }
        } catch let bad as UnreadableRow {
            // One that cannot be read gives its place all the same; there is nothing of it to tell.
            try connection.query(
                "UPDATE releases SET state = $3 WHERE id = $1 AND minion_id = $2", .text(bad.id), .text(minionID), .text(leaving.rawValue))
        }
        if let canary = try? canary(), canary.releaseID != release.id { try endCanary(canary, .candidate, "another release was promoted") }
        try connection.query(
            "UPDATE external_api_models SET release_id = $2, canary = NULL, updated_at = $3 WHERE id = $1", .text(minionID), .text(release.id),
            SQLValue(now))
        try connection.query("UPDATE releases SET promoted_at = $2 WHERE id = $1", .text(release.id), SQLValue(now))
        try connection.audit(
            event == "rolled_back" ? .releaseRollback : .releasePromote, target: release.id, of: user, ["minion": minionID, "reason": reason])
        return try set(release, .active, reason, event: event)
    }

    /// Ends the trial.
    /// - Parameter state: what its release is then.
    @discardableResult
    func endCanary(_ canary: Canary, _ state: Release.State, _ reason: String) throws -> Release? {
        try connection.query("UPDATE external_api_models SET canary = NULL, updated_at = $2 WHERE id = $1", .text(minionID), SQLValue(now))
        try connection.audit(.releaseCanaryEnd, target: canary.releaseID, of: user, ["minion": minionID, "reason": reason])
        guard
            let row = try connection.query("SELECT * FROM releases WHERE id = $1 AND minion_id = $2", .text(canary.releaseID), .text(minionID)).first
        else { return nil }
        return try set(Release(row: row), state, reason, event: state == .rejected ? "rejected" : "canary_stopped")
    }

    @discardableResult
    func set(_ release: Release, _ state: Release.State, _ reason: String, event: String) throws -> Release {
        let rows = try connection.query(
            "UPDATE releases SET state = $2, reason = $3 WHERE id = $1 RETURNING *", .text(release.id), .text(state.rawValue), .text(reason))
        let changed = try Release(row: rows[0])
        try ReleaseLog.note(connection, user: user, changed, event, reason: reason, at: now)
        return changed
    }
}
