import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Server
import Store
import Testing

@Suite struct PageTests {
    private static let page: HTTPFields = [.init("x-atelier-request")!: "page"]

    /// A folder with a page of three files and one that is not the page's, and a file outside of it.
    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "atelier-page-\(UUID().uuidString)/web")
        try FileManager.default.createDirectory(at: folder.appending(path: "vendor"), withIntermediateDirectories: true)
        try Data("<p>page</p>".utf8).write(to: folder.appending(path: "index.html"))
        try Data("old".utf8).write(to: folder.appending(path: "app.js"))
        try Data("library".utf8).write(to: folder.appending(path: "vendor/vue-1.0-0123abcd.js"))
        try Data("secret".utf8).write(to: folder.appending(path: ".env"))
        try Data("secret".utf8).write(to: folder.deletingLastPathComponent().appending(path: "outside.js"))
        try FileManager.default.createSymbolicLink(
            at: folder.appending(path: "link.js"), withDestinationURL: folder.deletingLastPathComponent().appending(path: "outside.js"))
        return folder
    }

    @Test func onlyPlainNamesWithAKnownExtensionAreServed() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        let files = PageFiles(root: folder)
        #expect(files.file("app.js")?.type == "text/javascript; charset=utf-8")
        #expect(files.file("index.html")?.isImmutable == false)
        #expect(files.file("vendor/vue-1.0-0123abcd.js")?.isImmutable == true)
        for path in [
            "", "/", "vendor", "vendor/", ".env", "../outside.js", "./app.js", "vendor/../app.js", "link.js", "app.js.gz", "app", "app.js/",
            "APP.JS/x.js",
            "a/b/c/d/e.js", "app.js\0", "%61pp.js", "app.py",
        ] {
            #expect(files.file(path) == nil, "\(path)")
        }
    }

    @Test func anEditedFileIsSentAsItIsNow() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        let files = PageFiles(root: folder)
        let packed = folder.appending(path: "app.js.gz")
        try Data("packed".utf8).write(to: packed)
        let before = try #require(files.file("app.js"))
        #expect(before.gzip.map { String(buffer: $0) } == "packed")
        // Edited after it was compressed.
        try Data("newer".utf8).write(to: folder.appending(path: "app.js"))
        try FileManager.default.setAttributes([.modificationDate: Date().addingTimeInterval(-60)], ofItemAtPath: packed.path)
        let after = try #require(files.file("app.js"))
        #expect(String(buffer: after.bytes) == "newer" && after.gzip == nil && after.digest != before.digest)
    }

    @Test(arguments: [
        ("gzip", true), ("gzip, deflate, br", true), ("br;q=1, gzip;q=0.5", true), ("*", true), ("identity", false), ("gzip;q=0", false),
        ("gzip; q=0.0", false),
        ("br", false),
    ])
    func whatAClientAcceptsIsRead(header: String, accepts: Bool) {
        #expect(PageController.acceptsGzip(header) == accepts)
    }

    @Test func aCookieCountsOnlyForThePage() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let cookie: HTTPFields = [.cookie: "other=1; atelier_session=\(ann.token)"]
            #expect(try await server.send(.get, "/api/me", headers: cookie).status == 200)
            let minions = "\(ann.base)/minions"
            let refused = try await server.send(.post, minions, TestServer.minion, headers: cookie)
            #expect(refused.status == 403 && refused.code == "cross_site_request")
            #expect(try await server.send(.post, minions, TestServer.minion, headers: cookie + Self.page).status == 201)
            let foreign = cookie + Self.page + [.init("Sec-Fetch-Site")!: "cross-site"]
            #expect(try await server.send(.get, "/api/me", headers: foreign).status == 403)
            // Who sends a token of their own is asked nothing of this.
            #expect(try await server.send(.post, "\(ann.base)/minions/x/token", token: ann.token, headers: foreign).status == 404)
            // A cookie that is no session's is nobody's.
            let unknown: HTTPFields = [.cookie: "atelier_session=session_0"]
            #expect(try await server.send(.get, "/api/me", headers: unknown).status == 401)
            // Programs' routes know no cookies.
            #expect(try await server.send(.get, "/v1/models", headers: cookie).status == 401)
        }
    }

    @Test func aSignInLinkOpensOneSessionOnce() async throws {
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let code = server.app.links.make(user: ann.id)
            let body = "{\"code\":\"\(code)\"}"
            let signedIn = try await server.send(.post, "/api/auth/link", body)
            let token = try #require(signedIn.json["token"] as? String)
            #expect(try await server.send(.get, "/api/me", token: token).json["id"] as? String == ann.id)
            let again = try await server.send(.post, "/api/auth/link", body)
            #expect(again.status == 401 && again.code == "login_failed")
            // With a cookie only for the page.
            let other = "{\"code\":\"\(server.app.links.make(user: ann.id))\",\"cookie\":true}"
            #expect(try await server.send(.post, "/api/auth/link", other).code == "cross_site_request")
            let cookie = try await server.send(.post, "/api/auth/link", other, headers: Self.page)
            #expect(cookie.status == 200 && cookie.json["token"] == nil && cookie.headers[.setCookie]?.contains("HttpOnly") == true)
        }
    }

    @Test func anOldLinkAndAClosedAccountsLinkOpenNothing() async throws {
        let links = SignInLinks()
        let now = Date()
        let code = links.make(user: "usr_a", now: now)
        #expect(links.redeem(code, now: now.addingTimeInterval(3601)) == nil)
        #expect(links.redeem(code, now: now) == nil, "used is used")
        #expect(links.redeem(links.make(user: "usr_a", now: now), now: now.addingTimeInterval(3599)) == "usr_a")
        try await TestServer.run { server in
            let ann = try await server.person("ann")
            let code = server.app.links.make(user: ann.id)
            _ = try await server.app.store.accounts(hasher: PasswordHasher(costExponent: 4)).setActive(false, user: ann.id)
            #expect(try await server.send(.post, "/api/auth/link", "{\"code\":\"\(code)\"}").code == "login_failed")
        }
    }

    @Test func theCookieIsSecureWhereThePageIs() {
        func request(_ headers: HTTPFields) -> Request {
            Request(
                head: .init(method: .post, scheme: "http", authority: "atelier.example", path: "/", headerFields: headers),
                body: .init(buffer: .init()))
        }
        let https: HTTPFields = [.origin: "https://atelier.example"]
        // Over plain http a browser takes no `__Host-` cookie.
        let plain = SessionCookie.set("session_1", lifetime: 60, for: request([:]))
        #expect(plain.count == 1 && plain[0].hasPrefix("atelier_session=session_1;") && !plain[0].contains("Secure"))
        let secure = SessionCookie.set("session_1", lifetime: 60, for: request(https))
        #expect(secure.count == 1 && secure[0].hasPrefix("__Host-atelier_session=session_1; Path=/;") && secure[0].hasSuffix("; Secure"))
        #expect(!secure[0].contains("Domain"))
        // A session of before is renewed under the new name, and the old cookie ends.
        let renewed = SessionCookie.set("session_1", lifetime: 60, for: request(https + [.cookie: "atelier_session=session_0"]))
        #expect(renewed.count == 2 && renewed[1].hasPrefix("atelier_session=;") && renewed[1].contains("Max-Age=0"))
        // Of two the one that nobody else can plant counts; one of before still counts alone.
        #expect(SessionCookie.token(request([.cookie: "atelier_session=session_0; __Host-atelier_session=session_1"])) == "session_1")
        #expect(SessionCookie.token(request([.cookie: "atelier_session=session_0"])) == "session_0")
        #expect(SessionCookie.token(request([.cookie: "__Host-atelier_session=nonsense; atelier_session=session_0"])) == "session_0")
        let cleared = SessionCookie.cleared(
            Response(status: .ok), for: request([.cookie: "atelier_session=session_0; __Host-atelier_session=session_1"]))
        #expect(cleared.headers[values: .setCookie].map { $0.prefix { $0 != ";" } } == ["__Host-atelier_session=", "atelier_session="])
        #expect(cleared.headers[values: .setCookie].allSatisfy { $0.contains("Max-Age=0") })
        #expect(SessionCookie.cleared(Response(status: .ok), for: request([:])).headers[.setCookie] == nil, "there was none")
        #expect(SessionCookie.isFromPage(request(Self.page + [.origin: "https://atelier.example"])))
        #expect(!SessionCookie.isFromPage(request([.origin: "https://atelier.example"])))
        #expect(!SessionCookie.isFromPage(request(Self.page + [.origin: "https://atelier.example.evil"])))
        #expect(!SessionCookie.isFromPage(request(Self.page + [.origin: "null"])))
    }
}

private func + (left: HTTPFields, right: HTTPFields) -> HTTPFields {
    var all = left
    all.append(contentsOf: right)
    return all
}
