import Crypto
import Domain
import Foundation
import NIOCore
import Providers
import Store

/// What a run asks of a server, over the documented API.
struct TrainServer: Sendable {
    let api: APIClient
    let user: String

    private var base: String { "/api/users/\(user)" }

    /// - Throws: ``ClientError`` where the token is not one of a person.
    static func connect(url: String, token: String) async throws -> TrainServer {
        let api = APIClient(url: url, token: token)
        guard let user = try await api.get("/api/me")["id"]?.stringValue else {
            throw ClientError(status: 0, message: "\(url) is not an Atelier server")
        }
        return TrainServer(api: api, user: user)
    }

    /// Every item of a list.
    private func all(_ path: String) async throws -> [JSONValue] {
        var items: [JSONValue] = []
        var cursor = ""
        while true {
            let page = try await api.get("\(base)/\(path)?limit=100\(cursor)")
            items += page["items"]?.arrayValue ?? []
            guard let next = page["next_cursor"]?.stringValue else { return items }
            cursor = "&cursor=\(next)"
        }
    }

    /// The id of a minion, by its id or its display name.
    func minion(_ name: String) async throws -> String {
        let minions = try await all("minions")
        let found = minions.first { $0["id"]?.stringValue == name } ?? minions.first { $0["display_name"]?.stringValue == name }
        guard let id = found?["id"]?.stringValue else {
            let known = minions.compactMap { $0["display_name"]?.stringValue }.joined(separator: ", ")
            throw TrainFailure(exit: .usage, message: "minion: there is no minion \"\(name)\"; there are: \(known.isEmpty ? "none" : known)")
        }
        return id
    }

    /// The ids of the datasets, uploaded where the server's have other content.
    func datasets(_ references: [TrainTemplate.DatasetReference], say: (String) -> Void) async throws -> [String] {
        let present = try await all("training-datasets")
        var ids: [String] = []
        var problems: [String] = []
        for reference in references {
            let found =
                present.first { $0["id"]?.stringValue == reference.name } ?? present.first { $0["dataset_name"]?.stringValue == reference.name }
            if let kind = reference.kind, let there = found?["dataset_type"]?.stringValue, there != kind.rawValue {
                problems.append("datasets: \"\(reference.name)\" is of type \(there) on the server, not \(kind.rawValue)")
            } else if let file = reference.file {
                ids.append(try await upload(reference, file, found, say))
            } else if let id = found?["id"]?.stringValue {
                ids.append(id)
            } else {
                problems.append("datasets: there is no dataset \"\(reference.name)\"; give it a type and a path to upload it")
            }
        }
        guard problems.isEmpty else { throw TrainFailure(exit: .usage, message: problems.joined(separator: "\n")) }
        return ids
    }

    private func upload(_ reference: TrainTemplate.DatasetReference, _ file: URL, _ found: JSONValue?, _ say: (String) -> Void) async throws -> String
    {
        let content = try Data(contentsOf: file, options: .mappedIfSafe)
        let sha256 = SHA256.hash(data: content).hex
        let fileName = Self.encoded(file.lastPathComponent)
        if let found, let id = found["id"]?.stringValue {
            if found["sha256"]?.stringValue == sha256 { return id }
            say("dataset \(reference.name): other content than the server's, replaced by \(file.lastPathComponent)")
            _ = try await api.send(
                "PUT", "\(base)/training-datasets/\(id)/content?mode=replace&file_name=\(fileName)", body: .bytes(ByteBuffer(data: content)),
                type: "application/octet-stream")
            return id
        }
        say("dataset \(reference.name): uploaded from \(file.lastPathComponent)")
        let path =
            "\(base)/training-datasets?dataset_name=\(Self.encoded(reference.name))&dataset_type=\(reference.kind?.rawValue ?? "")&file_name=\(fileName)"
        return try await api.upload(path, file: file)["id"]?.stringValue ?? ""
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~"))) ?? text
    }

    /// A job that is not started.
    func create(_ body: JSONValue) async throws -> String { try await api.post("\(base)/external-training/jobs", body)["id"]?.stringValue ?? "" }

    func deleteJob(_ id: String) async { try? await api.delete("\(base)/external-training/jobs/\(id)") }

    func start(_ id: String) async throws { _ = try await api.post("\(base)/external-training/jobs/\(id)/start") }

    func job(_ id: String) async throws -> JSONValue { try await api.get("\(base)/external-training/jobs/\(id)") }

    func release(_ id: String, minion: String) async throws -> JSONValue { try await api.get("\(base)/minions/\(minion)/releases/\(id)") }

    func promote(_ id: String, minion: String, reason: String) async throws {
        _ = try await api.post("\(base)/minions/\(minion)/releases/\(id)/promote", ["reason": .string(reason)])
    }

    /// Follows a job to its end, through interruptions of the connection and restarts of the server.
    func follow(_ id: String, show: (_ event: String, _ data: JSONValue) -> Void) async throws {
        let active: Set<String?> = ["QUEUED", "RUNNING", "PENDING"]
        var (seq, failures) = ("0", 0)
        while true {
            do {
                try await api.stream("\(base)/external-training/jobs/\(id)/events?after=\(seq)") { event, data in
                    seq = event.id ?? seq
                    failures = 0
                    show(event.event ?? "message", data)
                }
                if try await !active.contains(job(id)["status"]?.stringValue) { return }
            } catch let error as ClientError where error.status >= 400 && error.status < 500 {
                throw error
            } catch {
                failures += 1
                if failures > 60 { throw error }
            }
            try await Task.sleep(for: .seconds(1))
        }
    }
}
