import ArgumentParser
import Foundation
import Knowledge
import Server

/// What bench/*.py measure of the program itself.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measurements for the scripts in bench/.", shouldDisplay: false, subcommands: [Vectors.self, Ingest.self])

    struct Vectors: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Insertion and search of ready vectors.")

        @Option(help: "File of float32 rows of length 1.") var rows: String
        @Option(help: "File of float32 queries of length 1.") var queries: String
        @Option(help: "Floats per row.") var dimension: Int
        @Option(help: "Rows found per query.") var limit = 10
        @Option(help: "An empty folder for the index.") var folder: String

        func run() async throws {
            let index = try EmbeddedVectorIndex(URL(filePath: folder), dimension: dimension)
            let result = try await VectorBenchmark.run(
                rows: URL(filePath: rows), queries: URL(filePath: queries), dimension: dimension, limit: limit, index: index)
            print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
        }
    }

    struct Ingest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Build a collection and say how long it took.")

        @Option(help: "The documents.") var documents: String
        @Option(help: "The collection's folder; must not exist.") var folder: String
        @OptionGroup var options: SettingsOptions

        private struct Result: Encodable {
            var chunks: Int
            var seconds: Double
        }

        func run() async throws {
            let settings = try await options.settings()
            let embedder = try await App.engineEmbedder(settings, logger: makeLogger(settings))
            // The model is loaded; what is measured begins with the documents.
            let start = ContinuousClock.now
            let summary = try await CollectionBuilder(embedder: embedder, extractor: nil)
                .build(sources: [URL(filePath: documents)], into: URL(filePath: folder)) { _ in }
            let result = Result(chunks: summary.chunks, seconds: (ContinuousClock.now - start) / .seconds(1))
            await embedder.stop()
            print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
        }
    }
}
