import Foundation
import Store
import Testing

@Suite struct AccountsTests {
    @Test func anAddressIsTakenWhateverItsCase() async throws {
        try await withStore { store in
            _ = try await store.user("ann")
            await #expect(throws: StoreError.self) {
                try await store.accounts.create(email: "ANN@example.org", name: "x", password: "long enough")
            }
        }
    }

    @Test func authenticationNeedsTheRightPasswordAndAnOpenAccount() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            #expect(try await store.accounts.authenticate(email: "Ann@Example.org ", password: "long enough")?.id == ann.id)
            #expect(try await store.accounts.authenticate(email: "ann@example.org", password: "wrong") == nil)
            #expect(try await store.accounts.authenticate(email: "nobody@example.org", password: "long enough") == nil)
            _ = try await store.accounts.setActive(false, user: ann.id)
            #expect(try await store.accounts.authenticate(email: "ann@example.org", password: "long enough") == nil)
        }
    }

    @Test func sessionsEndByTimeLogOutAndClosing() async throws {
        try await withStore { store in
            let ann = try await store.user("ann")
            func open() async throws -> String {
                try await store.accounts.openSession(user: ann.id, lifetime: .seconds(60), ip: nil, agent: nil).token
            }
            let one = try await open()
            #expect(try await store.accounts.user(session: one)?.id == ann.id)
            #expect(try await store.accounts.user(session: one, now: Date().addingTimeInterval(61)) == nil)
            try await store.accounts.closeSession(one)
            #expect(try await store.accounts.user(session: one) == nil)
            let two = try await open()
            try await store.accounts.setPassword("another one", email: "ann@example.org")
            #expect(try await store.accounts.user(session: two) == nil)
            let three = try await open()
            _ = try await store.accounts.setActive(false, user: ann.id)
            #expect(try await store.accounts.user(session: three) == nil)
        }
    }
}
