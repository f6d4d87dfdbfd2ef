import ArgumentParser
import Server
import Store

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Keys that encrypt the users' provider keys.", subcommands: [Generate.self, Rotate.self])

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a new Fernet key for API_KEY_ENCRYPTION_KEY.",
            discussion: """
                To change keys, put the new one in front of the old one, separated by a comma: the first encrypts, all decrypt. \
                Then `atelier keys rotate`.
                """)
        func run() { print(Fernet.generateKey()) }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Encrypt every stored provider key with the first key of API_KEY_ENCRYPTION_KEY.",
            discussion: """
                All rows in one transaction, or none; rows under the first key already are left, so it can be run again. It may run beside \
                a server, which must have been started with the new key in front before: otherwise it goes on writing with the old one.
                """)

        @Flag(help: "Leave rows that no key opens as they are, instead of refusing; their users must save those keys again.")
        var skipUnreadable = false
        @Flag(help: "Only count; change nothing.") var dryRun = false
        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let settings = try await options.settings()
            let store = try await App.openStore(settings, logger: makeLogger(settings))
            let rotation: KeyRotation
            do {
                rotation = try await asOperator {
                    try await store.rotateKeys(skipUnreadable: skipUnreadable, dryRun: dryRun)
                }
            } catch let refusal as KeyRotation.Refusal {
                print("\(refusal)")
                print("Put the key that encrypted them back in API_KEY_ENCRYPTION_KEY, or give them up with --skip-unreadable.")
                throw ExitCode.failure
            }
            try store.close()
            try report(rotation)
        }

        private func report(_ rotation: KeyRotation) throws {
            print("rotated     \(rotation.rotated)\(dryRun ? " (not done: dry run)" : "")")
            print("unchanged   \(rotation.current)")
            print("unreadable  \(rotation.unreadable.count)")
            for row in rotation.unreadable { print("            \(row)") }
            if dryRun {
                guard rotation.unreadable.isEmpty || skipUnreadable else {
                    print(
                        "Not dry, this would change nothing: put the key that encrypted them back in API_KEY_ENCRYPTION_KEY, or give them up "
                            + "with --skip-unreadable.")
                    throw ExitCode.failure
                }
                return
            }
            print(
                rotation.keys > 1
                    ? """
                    Next: if a server was started with only the old key, restart it with the new one in front and run this again. Then remove the \
                    old key from API_KEY_ENCRYPTION_KEY and restart. Backups made before still need the old key.
                    """
                    : "Only one key is configured. To change it, put a new one (atelier keys generate) in front, with a comma, and run this again.")
        }
    }
}
