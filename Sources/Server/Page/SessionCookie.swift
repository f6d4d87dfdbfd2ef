import HTTPTypes
import Hummingbird

/// The page's session: the same token as a bearer's, in a cookie that scripts cannot read.
///
/// A browser sends a cookie whoever makes it send the request. So a request that changes something is taken for the
/// session's only with the header `x-atelier-request: page`, which no other origin can set without being allowed to by
/// a preflight (there is none here), and from this very origin where the browser says the origin.
package enum SessionCookie {
    static let name = "atelier_session"
    static let pageHeader = HTTPField.Name("x-atelier-request")!

    /// - Parameter lifetime: in seconds.
    package static func set(_ token: String, lifetime: Int, for request: Request) -> String {
        "\(name)=\(token); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(lifetime)" + (isSecure(request) ? "; Secure" : "")
    }

    package static func clear(for request: Request) -> String {
        "\(name)=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0" + (isSecure(request) ? "; Secure" : "")
    }

    static func token(_ request: Request) -> String? {
        guard let value = request.cookies[name]?.value, value.hasPrefix("session_") else { return nil }
        return value
    }

    /// Whether the page sent the request, and not somebody else's by way of its user's browser.
    package static func isFromPage(_ request: Request) -> Bool {
        switch request.headers[.init("Sec-Fetch-Site")!] {
        case nil, "same-origin", "none": break
        default: return false
        }
        if request.method == .get || request.method == .head { return true }
        return sentByPage(request)
    }

    /// Whether the request carries what only a script of this origin can set.
    static func sentByPage(_ request: Request) -> Bool {
        guard request.headers[pageHeader] == "page" else { return false }
        guard let origin = request.headers[.origin] else { return true }
        guard let host = request.head.authority, let scheme = origin.range(of: "://") else { return false }
        return origin[scheme.upperBound...] == host
    }

    /// Over https, be it a proxy's: the page's own origin says so. A cookie with `Secure` would be lost without.
    private static func isSecure(_ request: Request) -> Bool { request.headers[.origin]?.hasPrefix("https://") == true }
}

extension APIError {
    static let crossSite = APIError(
        status: .forbidden, code: "cross_site_request",
        message: "a request with a session cookie that changes something must come from this server's own page",
        details: [.init(hint: "send the header x-atelier-request: page from the same origin, or Authorization: Bearer with a session token")])
}
