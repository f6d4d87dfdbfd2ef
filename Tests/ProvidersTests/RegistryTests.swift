import Providers
import Testing

@Suite struct RegistryTests {
    private let registry = ProviderRegistry.standard()

    @Test func holdsTheStandardProviders() {
        for id in ["openai", "anthropic", "nvidia", "huggingface", "ollama", "custom", "local"] {
            #expect(registry[id]?.info.id == id)
        }
        #expect(registry["nobody"] == nil)
        #expect(Set(registry.all.map(\.id)).count == registry.all.count)
    }

    @Test func baseURLsAreUsableAsTheyAre() async throws {
        for info in registry.all {
            guard let url = info.defaultBaseURL else { continue }
            #expect(!url.hasSuffix("/"))
            try await AddressPolicy.unrestricted.check(url, provider: info.id)
        }
    }

    @Test func duplicateIDsTrap() async {
        await #expect(processExitsWith: .failure) {
            _ = ProviderRegistry([ScriptedProvider("twice", .answers("a")), ScriptedProvider("twice", .answers("b"))])
        }
    }
}
