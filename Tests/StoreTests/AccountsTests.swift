import Foundation
import Testing

@testable import Store

@Suite struct AccountsTests {
    @Test(arguments: ["", "nope", "foo bar", "a@", "@b", "a@b c", String(repeating: "a", count: 300) + "@b.example"])
    func whatIsNoAddressIsNone(text: String) {
        #expect(!User.isAddress(text) && User.isAddress("ann@example.org"))
    }

    @Test func anAddressIsTakenWhateverItsCase() async throws {
        try await withStore { store in
            _ = try await store.user("ann")
            await #expect(throws: StoreError.self) {
                try await store.accounts.create(email: "ANN@example.org", name: "x", password: "long enough")
            }
        }
    }

    @Test func signingInNeedsTheRightPasswordAndAnOpenAccount() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            func signsIn(_ email: String, _ password: String) async throws -> String? {
                try await store.accounts.logIn(email: email, password: password, lifetime: .seconds(60), ip: nil, agent: nil)?.user.id
            }
            #expect(try await signsIn("Ann@Example.org ", "long enough") == ann.id)
            #expect(try await signsIn("ann@example.org", "wrong") == nil)
            #expect(try await signsIn("nobody@example.org", "long enough") == nil)
            _ = try await store.accounts.setActive(false, user: ann.id)
            #expect(try await signsIn("ann@example.org", "long enough") == nil)
        }
    }

    @Test func aHashOfAnotherCostIsRenewedAtTheNextLogIn() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            func signsIn(_ cost: Int, _ password: String = "long enough") async throws -> Bool {
                let accounts = store.store.accounts(hasher: PasswordHasher(costExponent: cost))
                return try await accounts.logIn(email: ann.email, password: password, lifetime: .seconds(60), ip: nil, agent: nil) != nil
            }
            func cost() async throws -> Int? {
                try await store.store.database.read {
                    PasswordHasher.cost(of: try $0.query("SELECT password_hash FROM users WHERE id = $1", .text(ann.id))[0].text("password_hash"))
                }
            }
            #expect(try await cost() == 4)
            #expect(try await !signsIn(6, "wrong"))
            #expect(try await cost() == 4, "a failure renews nothing")
            #expect(try await signsIn(6))
            #expect(try await cost() == 6)
            // A cost that was lowered, too; and the password is still the same.
            #expect(try await signsIn(5))
            #expect(try await cost() == 5)
            #expect(try await signsIn(5))
        }
    }

    /// The cost that an unknown address pretends to have is spread as the accounts' are, stays, and moves with them to today's.
    @Test func anUnknownAddressCostsWhatSomeAccountDoes() async throws {
        try await withStore { store in
            func costs(_ current: Int) async throws -> [Int] {
                // A new one each time: it remembers its counts for a minute.
                let costs = PasswordCosts()
                var drawn: [Int] = []
                for number in 0..<400 {
                    drawn.append(try await costs.draw(for: "\(number)@example.org", current: current, store.store.database, store.store.vault))
                }
                return drawn
            }
            #expect(Set(try await costs(4)) == [4], "today's where there is no account")
            for number in 0..<8 {
                _ = try await store.store.accounts(hasher: PasswordHasher(costExponent: number < 4 ? 2 : number < 6 ? 3 : 4)).create(
                    email: "user\(number)@example.org", name: "u", password: "long enough")
            }
            let before = try await costs(4)
            #expect(try await costs(4) == before, "an address keeps its cost")
            let shares = [2, 3, 4].map { cost in before.count { $0 == cost } }
            #expect((150...250).contains(shares[0]) && (60...140).contains(shares[1]) && (60...140).contains(shares[2]), "\(shares)")
            for number in 0..<4 {
                let accounts = store.store.accounts(hasher: PasswordHasher(costExponent: 4))
                _ = try await accounts.logIn(email: "user\(number)@example.org", password: "long enough", lifetime: .seconds(60), ip: nil, agent: nil)
            }
            let after = try await costs(4)
            #expect(after.count { $0 == 4 } > before.count { $0 == 4 })
            for (old, new) in zip(before, after) where old == 4 { #expect(new == 4) }
        }
    }

    @Test func aPasswordIsChangedByWhoKnowsItAndEndsTheOtherSessions() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            let bob = try await store.user("bob")
            func open(_ user: User) async throws -> String {
                try await store.accounts.openSession(user: user.id, lifetime: .seconds(60), ip: nil, agent: nil).token
            }
            let (here, elsewhere, bobs) = (try await open(ann), try await open(ann), try await open(bob))
            #expect(try await !store.accounts.changePassword(of: ann, from: "a guess", to: "something new", keeping: here))
            #expect(try await store.accounts.user(session: elsewhere) != nil)
            #expect(try await store.accounts.changePassword(of: ann, from: "long enough", to: "something new", keeping: here))
            #expect(try await store.accounts.user(session: here)?.id == ann.id)
            #expect(try await store.accounts.user(session: elsewhere) == nil)
            #expect(try await store.accounts.user(session: bobs)?.id == bob.id)
            #expect(try await store.accounts.logIn(email: ann.email, password: "long enough", lifetime: .seconds(60), ip: nil, agent: nil) == nil)
            #expect(try await store.accounts.logIn(email: ann.email, password: "something new", lifetime: .seconds(60), ip: nil, agent: nil) != nil)
        }
    }
}
