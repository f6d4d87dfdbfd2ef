import ArgumentParser
import Domain
import Foundation
import Server
import Store

struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Create and list accounts, set passwords.", subcommands: [Create.self, List.self, Password.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create an account.", discussion: "Without --password-stdin a random password is made and printed once.")

        @Argument(help: "The e-mail address to log in with.") var email: String
        @Option(help: "The name to show.") var name: String?
        @Flag(help: "May see and change everything, and administer.") var superuser = false
        @OptionGroup var password: PasswordOptions

        func validate() throws {
            guard User.isAddress(email) else { throw ValidationError("\"\(email)\" is not an e-mail address") }
            if let problem = name.flatMap({ DisplayName.problem($0, length: 1...100) }) { throw ValidationError("--name \(problem)") }
        }

        func run() async throws {
            let (store, accounts, password) = try await self.password.open()
            defer { try? store.close() }
            do {
                let user = try await asOperator {
                    try await accounts.create(
                        email: email, name: name ?? String(email.prefix { $0 != "@" }), password: password, role: superuser ? .superuser : .user)
                }
                print("id        \(user.id)\nemail     \(user.email)\nrole      \(user.role.rawValue)")
                self.password.show(password)
            } catch StoreError.conflict(_, let message) { throw ValidationError("\(email): \(message)") }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all accounts.")
        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let settings = try await options.settings()
            let store = try await App.openStore(settings, logger: makeLogger(settings))
            defer { try? store.close() }
            for user in try await store.accounts().users(.all).items {
                print(
                    "\(user.id)  \(user.role.rawValue.padding(toLength: 9, withPad: " ", startingAt: 0))  \(user.isActive ? "active" : "closed")  \(user.email)"
                )
            }
        }
    }

    struct Password: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Set an account's password; its sessions end.")
        @Argument(help: "The account's e-mail address.") var email: String
        @OptionGroup var password: PasswordOptions

        func run() async throws {
            let (store, accounts, password) = try await self.password.open()
            defer { try? store.close() }
            do { try await asOperator { try await accounts.setPassword(password, email: email) } } catch StoreError.notFound {
                throw ValidationError("there is no account \(email)")
            }
            self.password.show(password)
        }
    }
}

/// What both commands that set a password share: where it comes from, and the accounts it goes to.
struct PasswordOptions: ParsableArguments {
    @Flag(help: "Read the password (at least 10 characters) from standard input.") var passwordStdin = false
    @OptionGroup var options: SettingsOptions

    func open() async throws -> (Store, Accounts, password: String) {
        let settings = try await options.settings()
        let store = try await App.openStore(settings, logger: makeLogger(settings))
        return (store, store.accounts(hasher: PasswordHasher(costExponent: settings.scryptCost)), try read())
    }

    /// Printed once, where it was made here.
    func show(_ password: String) {
        if !passwordStdin { print("password  \(password)") }
    }

    private func read() throws -> String {
        guard passwordStdin else { return Token.password() }
        guard let line = readLine(), line.unicodeScalars.count >= 10 else { throw ValidationError("the password needs at least 10 characters") }
        return line
    }
}
