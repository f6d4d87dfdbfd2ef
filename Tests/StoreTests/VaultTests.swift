import Foundation
import Store
import Testing

@Suite struct VaultTests {
    @Test func idsOfOneMillisecondAreInTheirOrder() {
        let now = Date()
        let ids = (0..<1000).map { _ in RowID.make("row", at: now) }
        #expect(ids == ids.sorted() && Set(ids).count == 1000)
        #expect(ids.last! < RowID.make("row", at: now.addingTimeInterval(0.001)))
        #expect(ids.allSatisfy { $0.count == 4 + 32 })
    }

    /// The vectors of https://github.com/fernet/spec (generate.json, verify.json).
    @Test func fernetReadsTheSpecificationsToken() throws {
        let fernet = try Fernet(key: "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
        let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
        #expect(try String(decoding: fernet.decrypt(token), as: UTF8.self) == "hello")
    }

    @Test(arguments: ["", "x", String(repeating: "long text äöü ", count: 500)])
    func fernetReadsWhatItWrote(text: String) throws {
        let fernet = try Fernet(key: Fernet.generateKey())
        #expect(try fernet.decrypt(fernet.encrypt(Data(text.utf8))) == Data(text.utf8))
    }

    @Test func fernetRefusesEveryChangedByte() throws {
        let fernet = try Fernet(key: Fernet.generateKey())
        let token = try #require(Data(base64URL: fernet.encrypt(Data("secret".utf8))))
        for index in token.indices {
            var changed = token
            changed[index] ^= 1
            #expect(throws: Fernet.Failure.self) { try fernet.decrypt(changed.base64URL) }
        }
        #expect(throws: Fernet.Failure.self) { try fernet.decrypt("not a token") }
        #expect(throws: Fernet.Failure.self) { try Fernet(key: "c2hvcnQ=") }
    }

    @Test func anEarlierKeyStillOpensAndTheFirstEncrypts() throws {
        let (old, new) = (Fernet.generateKey(), Fernet.generateKey())
        let row = try KeyVault(keys: old).seal("sk-1", user: "u", provider: "openai")
        let rotated = try KeyVault(keys: "\(new), \(old)")
        #expect(try rotated.open(row, user: "u", provider: "openai") == "sk-1")
        let fresh = try rotated.seal("sk-2", user: "u", provider: "openai")
        #expect(try KeyVault(keys: new).open(fresh, user: "u", provider: "openai") == "sk-2")
        #expect(throws: KeyVault.Failure.self) { try KeyVault(keys: old).open(fresh, user: "u", provider: "openai") }
    }

    @Test func aRowCopiedToAnotherUserOrProviderIsRefused() throws {
        let vault = try KeyVault(keys: Fernet.generateKey())
        let row = try vault.seal("sk-1", user: "alice", provider: "openai")
        for (user, provider) in [("bob", "openai"), ("alice", "anthropic")] {
            #expect { try vault.open(row, user: user, provider: provider) } throws: { error in
                if case KeyVault.Failure.foreignRow = error { true } else { false }
            }
        }
    }

    @Test func aMalformedKeyIsNamedByItsPlace() throws {
        #expect { try KeyVault(keys: "\(Fernet.generateKey()),nonsense") } throws: { "\($0)".contains("entry 2") }
    }

    @Test func theKeyFileIsMadeOnceAndPrivate() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        let first = try KeyVault.keysFromFile(file)
        let second = try KeyVault.keysFromFile(file)
        #expect(first.created && !second.created && first.keys == second.keys)
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func anUnreadableKeyFileIsAnErrorAndIsNotReplaced() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: file) }
        try Data([0xFF, 0xFE, 0x00]).write(to: file)
        #expect(throws: (any Error).self) { try KeyVault.keysFromFile(file) }
        #expect(try Data(contentsOf: file).count == 3)
    }

    @Test func passwordsVerifyAndHashesDiffer() async throws {
        let hasher = PasswordHasher(costExponent: 4)
        let (one, two) = (try await hasher.hash("correct horse"), try await hasher.hash("correct horse"))
        #expect(one != two)
        #expect(try await hasher.verify("correct horse", against: one))
        #expect(try await !hasher.verify("correct horsE", against: one))
        #expect(try await !hasher.verify("x", against: "garbage"))
    }
}
