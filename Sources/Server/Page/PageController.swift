import HTTPTypes
import Hummingbird

/// The page: `/` for browsers, and its files below `/web`. Public; what it shows it gets from the API.
package struct PageController: Sendable {
    let files: PageFiles

    func routes(_ router: Router<AppContext>) {
        router.get("/") { [files] request, _ in
            let wantsPage = request.headers[values: .accept].contains { $0.contains("text/html") }
            if wantsPage, let file = files.file("index.html") { return Self.response(file, to: request) }
            return Self.welcome
        }
        router.get("web/**") { [files] request, context in
            guard let file = files.file(context.parameters.getCatchAll().joined(separator: "/")) else { throw APIError.notFound("file") }
            return Self.response(file, to: request)
        }
    }

    private static func response(_ file: PageFiles.File, to request: Request) -> Response {
        let gzip = request.headers[values: .acceptEncoding].contains { acceptsGzip($0) } ? file.gzip : nil
        let tag = "\"\(file.digest)\(gzip == nil ? "" : "-gzip")\""
        var headers: HTTPFields = [
            .contentType: file.type, .eTag: tag, .vary: "accept, accept-encoding",
            .cacheControl: file.isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
            .contentSecurityPolicy: policy, .init("Cross-Origin-Opener-Policy")!: "same-origin",
            .init("Cross-Origin-Resource-Policy")!: "same-origin", .init("Permissions-Policy")!: "camera=(), microphone=(), geolocation=()",
        ]
        if request.headers[values: .ifNoneMatch].contains(where: { $0 == "*" || $0.contains(tag) }) {
            return Response(status: .notModified, headers: headers)
        }
        if gzip != nil { headers[.contentEncoding] = "gzip" }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: gzip ?? file.bytes))
    }

    /// Own origin only; no inline script, no eval, no inline style, no plug-ins, no frame around it.
    static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

    package static func acceptsGzip(_ header: String) -> Bool {
        header.split(separator: ",").contains { coding in
            let parts = coding.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            guard let name = parts.first, name == "gzip" || name == "*" else { return false }
            return !parts.dropFirst().contains { $0.wholeMatch(of: /q=0(\.0*)?/) != nil }
        }
    }

    /// For those who ask with a program.
    private static var welcome: Response {
        let text = """
            Atelier \(AtelierVersion.current)

            GET  /openapi.json           every route, with its fields
            POST /api/auth/login         {"email": "...", "password": "..."}
            POST /v1/chat/completions    a minion as an OpenAI model, with a minion token

            """
        return Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8", .vary: "accept"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
