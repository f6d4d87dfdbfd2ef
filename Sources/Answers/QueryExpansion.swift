import Calls
import Knowledge
import LocalModels
import Providers

/// Makes the expander of one user's search.
public struct QueryExpansion: Sendable {
    private let router: Router
    private let server: AdapterServer
    private let meter: Meter

    public init(router: Router, server: AdapterServer, meter: Meter) {
        self.router = router
        self.server = server
        self.meter = meter
    }

    func expander(user: String, minion: String?) -> any QueryExpander {
        LocalExpander(router: router, server: server, account: .init(meter: meter, userID: user, minionID: minion))
    }
}
