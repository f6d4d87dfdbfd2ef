import ArgumentParser
import Store

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Keys that encrypt the users' provider keys.", subcommands: [Generate.self])

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a new Fernet key for API_KEY_ENCRYPTION_KEY.",
            discussion: "To change keys, put the new one in front of the old one, separated by a comma: the first encrypts, all decrypt.")
        func run() { print(Fernet.generateKey()) }
    }
}
