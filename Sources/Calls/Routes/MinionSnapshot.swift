import Providers
import Store

/// A minion with what a request to it needs, as it stood at one moment: the row, the release's adapter,
/// and where each of its models is asked and with which key.
public final class MinionSnapshot: Sendable {
    public let minion: Minion
    package let adapter: Adapter?
    /// Of the release on trial.
    let canaryAdapter: Adapter?
    /// The models that are not run by this server; those that cannot be asked are in `left`. Where ``needsLease`` is
    /// true they are what a request may cost, and not what it is sent to.
    package let resolved: RouteResolver.Resolved
    /// The user's providers, where the minion names one that is data.
    package let selection: ProviderCatalog.Selection?
    /// Whether one of the models is run by this server: then the routes are made for each request,
    /// because a place on the local server is leased.
    package let needsLease: Bool
    /// What `/v1` calls the minion.
    public let names: Set<String>

    init(
        minion: Minion, adapter: Adapter?, canaryAdapter: Adapter?, resolved: RouteResolver.Resolved, selection: ProviderCatalog.Selection?,
        needsLease: Bool
    ) {
        self.minion = minion
        self.adapter = adapter
        self.canaryAdapter = canaryAdapter
        self.resolved = resolved
        self.selection = selection
        self.needsLease = needsLease
        names = [minion.displayName, minion.name, minion.id]
    }

    /// As one request of a trial sees it.
    package func routed(by trial: CanaryTrial) -> MinionSnapshot {
        guard let arm = trial.arm else { return self }
        return MinionSnapshot(
            minion: trial.minion, adapter: arm == .canary ? canaryAdapter : adapter, canaryAdapter: nil, resolved: resolved, selection: selection,
            needsLease: needsLease)
    }
}
