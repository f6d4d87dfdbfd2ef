import Calls
import Foundation
import Hummingbird
import NIOCore
import Store

/// Who is asking.
public enum Identity: Sendable {
    /// A person, by a session token.
    case person(User, token: String)
    /// A program, by a minion token: may ask that minion and nothing else.
    case minion(MinionSnapshot)
}

/// Every request's context.
public struct AppContext: RequestContext {
    public var coreContext: CoreRequestContextStorage
    /// Whom the request came from. Requests of the gateway, which have no use for it, are ``ClientAddress/unknown``.
    var client = ClientAddress.unknown
    public var identity: Identity?
    /// Whether a session cookie was left out of account, because the request did not come from the page.
    var isCrossSite = false
    /// The connection, to see whether the client is still there.
    let channel: any Channel

    public init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// The client's address, for the session list.
    public var remoteAddress: String? { client.address?.description }

    /// What the vendors' clients show as the request's id.
    var vendorRequestID: String { GatewayID.request(number) }
    private let number = GatewayID.nextRequest()

    /// The minion whose token the request carries.
    /// - Throws: ``APIError``, the vendor endpoints' 401.
    func minionSnapshot(_ request: Request) throws -> MinionSnapshot {
        guard case .minion(let snapshot) = identity else { throw OpenAIErrorReply.wrongKey(AuthMiddleware.token(request)) }
        return snapshot
    }
}

/// A signed-in person.
struct PersonContext: ChildRequestContext {
    var coreContext: CoreRequestContextStorage
    let client: ClientAddress
    let caller: User
    let token: String
    /// The connection, to see whether the client is still there.
    let channel: any Channel

    init(context: AppContext) throws {
        guard case .person(let user, let token) = context.identity else {
            throw context.isCrossSite ? APIError.crossSite : APIError.unauthenticated
        }
        coreContext = context.coreContext
        client = context.client
        channel = context.channel
        caller = user
        self.token = token
    }
}

/// A request below `/api/users/{user_id}`: the path's user is the caller's own, or any for a
/// superuser. Everybody else learns nothing, not even that the user exists.
struct OwnerContext: ChildRequestContext {
    var coreContext: CoreRequestContextStorage
    let caller: User
    /// The caller's session.
    let token: String
    /// Whose rows the request is about.
    let owner: String
    /// The connection, to see whether the client is still there.
    let channel: any Channel

    init(context: PersonContext) throws {
        let owner = try context.parameters.require("user_id")
        guard owner == context.caller.id || context.caller.role == .superuser else { throw APIError.notFound("user") }
        coreContext = context.coreContext
        caller = context.caller
        token = context.token
        channel = context.channel
        self.owner = owner
    }
}

/// A superuser.
struct AdminContext: ChildRequestContext {
    var coreContext: CoreRequestContextStorage
    let caller: User

    init(context: PersonContext) throws {
        // 404, like everything else that is not the caller's.
        guard context.caller.role == .superuser else { throw APIError.notFound("page") }
        coreContext = context.coreContext
        caller = context.caller
    }
}
