import Domain
import Foundation
import Providers
import Testing

@Suite struct UpstreamURLTests {
    @Test(arguments: [
        "https://api.example.com", "http://localhost:11434/v1", "https://xn--bcher-kva.example/a%20b/", "http://10.0.0.1:65535",
        "http://[::1]:8000/x",
        "HTTPS://API.example.com/v1/",
    ])
    func takesAddresses(url: String) { #expect(UpstreamURL.problem(url) == nil) }

    @Test(arguments: [
        ("", "look like"), ("example.com", "look like"), ("ftp://example.com", "look like"), ("file:///etc/passwd", "look like"),
        ("http://", "look like"), ("http:///path", "look like"), ("javascript:alert(1)", "look like"), ("http://u@example.com", "user name"),
        ("http://u:secret@example.com", "user name"), ("http://:secret@example.com", "user name"), ("http://example.com/?a=b", "query"),
        ("http://example.com/?", "query"), ("http://example.com?a", "query"), ("http://example.com/#a", "fragment"),
        ("http://example.com#", "fragment"),
        ("http://example.com:0", "port"), ("http://127.0.0.1:65536/", "port"), ("http://127.0.0.1:99999999999999999999/", "port"),
        ("http://example.com/a b", "space"), ("http://exa\u{0}mple.com", "control"), ("http://example.com/\r\nx: y", "control"),
        ("http://büro.example", "ASCII"), ("http://%31%32%37.0.0.1/", "host"), ("http://[fe80::1%25eth0]/", "host"),
    ])
    func saysWhatIsWrong(url: String, why: String) {
        let problem = UpstreamURL.problem(url)
        // Some of these are no URL at all to Foundation, which says less.
        #expect(problem?.contains(why) == true || problem?.contains("look like") == true, "\(url): \(problem ?? "taken")")
        #expect(problem?.contains("secret") != true)
    }

    @Test func lengthsAreBounded() {
        #expect(UpstreamURL.problem("http://example.com/" + String(repeating: "a", count: 2000)) != nil)
        #expect(UpstreamURL.problem("http://" + String(repeating: "a", count: 300) + ".com/") != nil)
    }

    /// A port beyond 65535 ended the process when the connection was made.
    @Test(arguments: ["http://127.0.0.1:65536", "http://127.0.0.1:99999/v1", "http://[::1]:70000", "http://localhost:99999", "http://127.0.0.1:-1"])
    func aRequestToAPortThatIsNoneIsRefused(url: String) async {
        for policy in [AddressPolicy.unrestricted, .publicAndPrivate] {
            await #expect {
                _ = try await HTTPTransport(policy: policy).status(UpstreamRequest(.get, url), provider: "test", timeout: .seconds(60))
            } throws: { ($0 as? ProviderError)?.kind == .invalidRequest }
        }
    }
}
