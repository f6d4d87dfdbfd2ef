import Answers
import Domain
import Foundation
import Providers
import Store
import Training

/// The demo's steps for one signed-in user.
struct DemoSession: Sendable {
    let api: APIClient
    let user: String
    let samples: URL
    let terminal: Terminal

    private var base: String { "/api/users/\(user)" }

    /// The sample minion's id; made where it is not there yet.
    func minion(named name: String) async throws -> String {
        let minions = try await api.get("\(base)/minions")["items"]?.arrayValue ?? []
        if let id = minions.first(where: { $0["display_name"]?.stringValue == name })?["id"]?.stringValue { return id }
        let created = try await api.post(
            "\(base)/minions",
            [
                "name": .string(name), "display_name": .string(name), "provider": "local", "model_id": "smollm2-135m-instruct",
                "sampling": ["temperature": 0, "max_tokens": 160],
            ])
        return created["id"]?.stringValue ?? ""
    }

    /// Runs a hybrid job over the samples with a live progress line.
    func train(_ minion: String, again: Bool) async throws {
        if !again, let release = try await api.get("\(base)/minions/\(minion)")["release_id"]?.stringValue {
            terminal.line("the minion is trained already (release \(release)); --retrain trains it again")
            return
        }
        terminal.heading("Training: voice from samples/voice.jsonl, knowledge from samples/handbook")
        let voice = try await dataset("sample voice", "jsonl", samples.appending(path: "voice.jsonl"))
        let handbook = try await dataset("sample handbook", "rag", try Self.archive(samples.appending(path: "handbook")))
        let questions = try await dataset("sample questions", "custom", samples.appending(path: "questions.jsonl"))
        let job =
            try await api.post(
                "\(base)/external-training/jobs",
                [
                    "job_name": "Demo", "minion_id": .string(minion), "training_type": "hybrid",
                    "dataset_ids": [.string(voice), .string(handbook), .string(questions)],
                    "start": true,
                ])["id"]?.stringValue ?? ""
        let start = ContinuousClock().now
        var view = ProgressView(terminal: terminal)
        var failure: String?
        try await api.events("GET", "\(base)/external-training/jobs/\(job)/events") { event, data in
            if event == "failed" {
                failure = "\(data["step"]?.stringValue ?? ""): \(data["message"]?.stringValue ?? "") \(data["hint"]?.stringValue ?? "")"
            }
            view.show(event, data)
        }
        if let failure { throw ClientError(status: 200, message: "training failed in \(failure)") }
        terminal.line("trained, indexed and measured in \(Terminal.time((ContinuousClock().now - start) / .seconds(1)))")
        terminal.heading("What voice and knowledge bought, on held-out messages and questions (95% intervals)")
        let measured = try await api.get("\(base)/external-training/jobs/\(job)/evaluation")["evaluation"] ?? [:]
        terminal.line("\(EvaluationTable(try JSONDecoder().decode(ReleaseEvaluation.self, from: Data(measured.serialized().utf8))))")
    }

    /// Asks two of the samples' questions and checks what must hold.
    func ask(_ minion: String) async throws -> Bool {
        let questions = try String(contentsOf: samples.appending(path: "questions.jsonl"), encoding: .utf8).split(separator: "\n")
            .compactMap { try? JSONValue(parsing: String($0)) }
        var held = true
        for question in [questions.first, questions.dropFirst(questions.count / 2).first].compactMap({ $0 }) {
            let text = question["question"]?.stringValue ?? ""
            let page = question["page"]?.stringValue ?? ""
            terminal.heading("Question: \(text)")
            let answer = try await api.post("\(base)/minions/\(minion)/ask", ["question": .string(text), "trace": true, "use_draft": true])
            TraceView(terminal: terminal).show(answer)
            let documents = (answer["trace"]?["passages"]?.arrayValue ?? []).compactMap { $0["document"]?.stringValue }
            held = check(documents.contains { $0.hasSuffix(page) }, "the page that holds the answer (\(page)) is among the passages") && held
            held = check(!(answer["answer"]?.stringValue ?? "").isEmpty, "there is an answer") && held
            held = check((answer["degraded"]?.arrayValue ?? []).isEmpty, "no stage degraded") && held
            let probe: JSONValue = [
                "question": .string(text), "trace": true, "use_draft": true, "use_passages": false, "temperature": 0, "adapter_scale": 0,
            ]
            let plain = try await api.post("\(base)/minions/\(minion)/ask", probe)["trace"]?["draft"]?["text"]?.stringValue
            terminal.line("  draft without the adapter: \(plain ?? "")")
            let drafted = answer["trace"]?["draft"]?["text"]?.stringValue
            held = check(drafted?.isEmpty == false, "there is a draft") && held
            held = check(plain != drafted, "the adapter changes the draft") && held
        }
        return held
    }

    private func check(_ condition: Bool, _ claim: String) -> Bool {
        terminal.line("  \(condition ? "✓" : "✗ NOT TRUE:") \(claim)")
        return condition
    }

    /// The dataset's id; uploaded where it is not there yet.
    private func dataset(_ name: String, _ kind: String, _ file: URL) async throws -> String {
        let existing = try await api.get("\(base)/training-datasets?limit=100")["items"]?.arrayValue ?? []
        let wanted = try Data(contentsOf: file).count
        for entry in existing where entry["dataset_name"]?.stringValue == name {
            if entry["bytes"]?.intValue == wanted, let id = entry["id"]?.stringValue { return id }
            if let id = entry["id"]?.stringValue { try await api.delete("\(base)/training-datasets/\(id)") }
        }
        let encoded = name.replacingOccurrences(of: " ", with: "%20")
        let path = "\(base)/training-datasets?dataset_name=\(encoded)&dataset_type=\(kind)&file_name=\(file.lastPathComponent)"
        return try await api.upload(path, file: file)["id"]?.stringValue ?? ""
    }

    /// A folder as one .tar, which is how documents are uploaded; in a fixed order, so that the same
    /// pages are the same upload.
    private static func archive(_ folder: URL) throws -> URL {
        let file = FileManager.default.temporaryDirectory.appending(path: "atelier-\(ProcessInfo.processInfo.processIdentifier)-handbook.tar")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".md") }.sorted()
        process.arguments = ["tar", "-cf", file.path, "-C", folder.path] + names
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ClientError(status: 0, message: "cannot pack \(folder.path) with tar") }
        return file
    }
}
