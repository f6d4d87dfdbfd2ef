import Providers
import Store

/// A minion with what a request to it needs, as it stood at one moment: the row, the release's adapter,
/// and where each of its models is asked and with which key.
public final class MinionSnapshot: Sendable {
    public let minion: Minion
    let adapter: Adapter?
    /// Of the release on trial.
    let canaryAdapter: Adapter?
    package let targets: CallTargets
    /// What `/v1` calls the minion.
    public let names: Set<String>

    init(
        minion: Minion, adapter: Adapter?, canaryAdapter: Adapter?, targets: CallTargets
    ) {
        self.minion = minion
        self.adapter = adapter
        self.canaryAdapter = canaryAdapter
        self.targets = targets
        names = [minion.displayName, minion.name, minion.id]
    }

    /// The adapter of the release that answers one request of a trial.
    package func adapter(of arm: CanaryArm?) -> Adapter? { arm == .canary ? canaryAdapter : adapter }
}
