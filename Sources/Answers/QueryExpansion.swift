import Calls
import Knowledge
import LocalModels
import Providers

/// Makes the expander of one user's search.
public struct QueryExpansion: Sendable {
    private let caller: ModelCaller
    private let server: AdapterServer

    public init(caller: ModelCaller, server: AdapterServer) {
        self.caller = caller
        self.server = server
    }

    func expander(user: String, minion: String?) -> any QueryExpander {
        LocalExpander(router: caller.router, server: server, account: .init(caller: caller, userID: user, minionID: minion))
    }
}
