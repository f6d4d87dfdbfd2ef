import ArgumentParser
import Foundation
import Knowledge
import Server
import Store

struct CollectionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collections", abstract: "Look into users' collections.", subcommands: [List.self, Search.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A user's collections.")

        @Option(help: "The user's e-mail address.") var user: String
        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let settings = try await options.settings()
            let (store, id) = try await open(settings, user)
            defer { try? store.close() }
            for collection in try await store.user(id).collections(PageRequest(limit: 100, cursor: nil) ?? .first).items {
                print(
                    "\(collection.id)  v\(collection.version)  \(collection.documentCount) documents, \(collection.chunkCount) chunks  \(collection.name)"
                )
            }
        }
    }

    struct Search: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find passages, and show which signal found each and with what score.",
            discussion: "May run beside a server. A collection whose first version is still being built is searched as far as it is.")

        @Argument(help: "The collection's id (atelier collections list).") var collection: String
        @Argument(help: "The question.") var query: String
        @Option(help: "The user's e-mail address.") var user: String
        @Option(help: "Passages shown.") var topK = 5
        @Option(help: "How passages are found: \(SearchStrategy.allCases.map(\.rawValue).joined(separator: ", ")).") var strategy = SearchStrategy
            .hybrid
        @Option(help: "Best passages that the cross-encoder reads; 0 for none.") var rerank = 0
        @Flag(help: "Print the whole reply as JSON.") var json = false
        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let settings = try await options.settings()
            let (store, id) = try await open(settings, user)
            defer { try? store.close() }
            let row: Collection
            do { row = try await store.user(id).collection(collection) } catch StoreError.notFound {
                throw ValidationError("\(user) has no collection \(collection); atelier collections list --user \(user) shows those there are")
            }
            guard let index = try App.openCollection(row, settings, user: id) else {
                throw ValidationError("no document of \(collection) has been cut yet")
            }
            let options = SearchOptions(k: topK, strategy: strategy, rerank: rerank)
            let reply = try await App.search(index, query, options: options, settings, logger: makeLogger(settings))
            if json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                print(String(decoding: try encoder.encode(reply), as: UTF8.self))
            } else {
                show(reply)
            }
        }

        private func show(_ reply: SearchReply) {
            for (place, passage) in reply.passages.enumerated() {
                let signals = passage.signals.map { "\($0.name) \($0.rank). (\(String(format: "%.3f", $0.score)))" }.joined(separator: ", ")
                let page = passage.page.map { ", page \($0)" } ?? ""
                print("\(place + 1). \(passage.document)\(page), bytes \(passage.startByte)–\(passage.endByte): \(signals)")
                if !passage.headings.isEmpty { print("   \(passage.headings.joined(separator: " › "))") }
                print("   \(passage.text.split(whereSeparator: \.isNewline).joined(separator: "\n   "))\n")
            }
            print(
                "\(reply.strategy.rawValue) over \(reply.chunksSearched) chunks of \(reply.documentsSearched) documents, "
                    + "\(reply.chunksEmbedded) of \(reply.chunksTotal) embedded, \(String(format: "%.1f", reply.milliseconds)) ms")
            if let reason = reply.degraded { print(reason) }
        }
    }
}

extension SearchStrategy: ExpressibleByArgument {}

private func open(_ settings: Settings, _ email: String) async throws -> (Store, String) {
    let store = try await App.openStore(settings, logger: makeLogger(settings))
    guard let user = try await store.accounts().user(email: email) else {
        try store.close()
        throw ValidationError("there is no user \(email)")
    }
    return (store, user.id)
}
