import HTTPTypes
import Hummingbird

/// The page's session: the same token as a bearer's, in a cookie that scripts cannot read.
///
/// A browser sends a cookie whoever makes it send the request. So a request that changes something is taken for the
/// session's only with the header `x-atelier-request: page`, which no other origin can set without being allowed to by
/// a preflight (there is none here), and from this very origin where the browser says the origin.
package enum SessionCookie {
    static let name = "atelier_session"
    /// The name over https. A browser takes a cookie of this name from this very host alone, and only with `Secure`: neither
    /// a neighbouring host nor somebody on the line can plant one. Over plain http it would not be taken at all.
    static let secureName = "__Host-atelier_session"
    static let pageHeader = HTTPField.Name("x-atelier-request")!

    /// - Parameter lifetime: in seconds.
    /// - Returns: values of `Set-Cookie`: the new cookie, and over https the end of one that has the other name.
    package static func set(_ token: String, lifetime: Int, for request: Request) -> [String] {
        guard isSecure(request) else { return [cookie(name, token, lifetime, isSecure: false)] }
        let new = cookie(secureName, token, lifetime, isSecure: true)
        return request.cookies[name] == nil ? [new] : [new, cookie(name, "", 0, isSecure: true)]
    }

    /// The response, which also ends the cookies that the request came with.
    package static func cleared(_ response: Response, for request: Request) -> Response {
        var response = response
        for known in [secureName, name] where request.cookies[known] != nil {
            response.headers.append(.init(name: .setCookie, value: cookie(known, "", 0, isSecure: known == secureName || isSecure(request))))
        }
        return response
    }

    package static func token(_ request: Request) -> String? {
        for known in [secureName, name] {
            if let value = request.cookies[known]?.value, value.hasPrefix("session_") { return value }
        }
        return nil
    }

    private static func cookie(_ name: String, _ value: String, _ lifetime: Int, isSecure: Bool) -> String {
        "\(name)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(lifetime)" + (isSecure ? "; Secure" : "")
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
