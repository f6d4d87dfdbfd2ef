import ArgumentParser
import Foundation
import Knowledge
import Server
import Store
import Training

struct EvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Measure against judged examples.", subcommands: [Retrieval.self, Job.self])

    struct Job: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A training job's ablation table: what voice and knowledge bought, arm by arm.",
            discussion: "May run beside a server. Of a job that has no release yet, the figures so far.")

        @Argument(help: "The job's id.") var job: String
        @Option(help: "The user's e-mail address.") var user: String
        @Flag(help: "Print JSON instead of a table.") var json = false
        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let settings = try await options.settings()
            let store = try await App.openStore(settings, logger: makeLogger(settings))
            defer { try? store.close() }
            guard let id = try await store.accounts().user(email: user)?.id else { throw ValidationError("there is no user \(user)") }
            let measured: JobEvaluation
            do { measured = try await store.user(id).evaluation(ofJob: job) } catch StoreError.notFound {
                throw ValidationError("\(user) has no job \(job)")
            }
            if json { return print(String(decoding: try JSONEncoder.api.encode(measured), as: UTF8.self)) }
            print(EvaluationTable(measured.evaluation))
            if !measured.isFinal { print("- The job has no release yet: these are the figures so far.") }
        }
    }

    struct Retrieval: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "nDCG@10, recall and reciprocal rank of each search strategy.",
            discussion: """
                The folder is in BEIR's layout: corpus.jsonl (_id, title, text), queries.jsonl (_id, text) and qrels.tsv \
                (query-id, corpus-id, score). A collection is built from the corpus, searched as users search, and deleted.
                """)

        @Option(help: "The folder with corpus.jsonl, queries.jsonl and qrels.tsv.") var folder: String
        @Option(help: "Build here and keep it; a second run with the same corpus searches it again.") var collection: String?
        @Option(help: "Also measure hybrid search with its best N passages reranked; 0 leaves it out.") var rerank = 0
        @Option(help: "Also measure hybrid search with N other forms of each query by the local model; 0 leaves it out.") var expand = 0
        @Option(help: "Documents looked at for recall and reciprocal rank.") var cutoff = 100
        @Flag(help: "Print a JSON list instead of a table.") var json = false
        @OptionGroup var options: SettingsOptions

        func run() async throws {
            let settings = try await options.settings()
            let corpus = URL(filePath: folder, directoryHint: .isDirectory)
            let judgements = try RetrievalJudgements(queries: corpus.appending(path: "queries.jsonl"), qrels: corpus.appending(path: "qrels.tsv"))
            let embedder = try await App.engineEmbedder(settings, logger: makeLogger(settings))
            let place =
                collection.map { URL(filePath: $0) }
                ?? FileManager.default.temporaryDirectory.appending(path: "atelier-eval-\(UUID().uuidString)/v1")
            defer { if collection == nil { try? FileManager.default.removeItem(at: place.deletingLastPathComponent()) } }
            do {
                try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                _ = try await CollectionBuilder(embedder: embedder, extractor: nil)
                    .build(sources: [corpus.appending(path: "corpus.jsonl")], into: place) { _ in }
                let index = try CollectionIndex.open(place)
                let evaluator = RetrievalEvaluator(judgements: judgements, recallCutoff: cutoff)
                var reports = try await evaluator.evaluate(index, embedder: embedder)
                if rerank > 0 {
                    reports += try await evaluator.evaluate(
                        index, embedder: embedder, reranker: embedder, strategies: [.hybrid], options: SearchOptions(rerank: rerank))
                }
                if expand > 0 {
                    reports += try await App.withExpander(settings, logger: makeLogger(settings)) { expander in
                        try await evaluator.evaluate(
                            index, embedder: embedder, expander: expander, strategies: [.hybrid], options: SearchOptions(variants: expand))
                    }
                }
                try show(reports)
            } catch {
                await embedder.stop()
                throw error
            }
            await embedder.stop()
        }

        private func show(_ reports: [RetrievalReport]) throws {
            if json {
                print(String(decoding: try JSONEncoder().encode(reports), as: UTF8.self))
                return
            }
            for report in reports {
                let name =
                    report.strategy.rawValue + (report.reranked > 0 ? " + rerank \(report.reranked)" : "")
                    + (report.variants > 0 ? " + expand \(report.variants)" : "")
                let figures = [report.ndcgAt10, report.recall, report.mrr].map { String(format: "%.3f", $0) }
                print(
                    "\(name): nDCG@10 \(figures[0]), recall@\(report.recallCutoff) \(figures[1]), MRR \(figures[2]), "
                        + "\(String(format: "%.1f", report.milliseconds)) ms a search, \(report.queries) queries, \(report.degraded) degraded")
            }
        }
    }
}
