import Foundation

/// Everything this module throws of its own. Each case names what failed; `hint` says what to do.
/// Messages carry folder names, never whole paths, because they reach users.
public enum KnowledgeError: Error, Sendable, Equatable {
    /// No document could be read from any source; the problems say why, one per file.
    case nothingReadable(problems: [DocumentProblem])
    /// An update would leave no document.
    case nothingLeft(collection: String)
    /// The files of a collection are missing, unreadable, or disagree with each other.
    case indexDamaged(collection: String, reason: String)
    /// The target folder holds a collection made from other input or settings.
    case destinationExists(collection: String)
    /// There was no room for what was to be written.
    case diskFull(what: String)
    /// Another process is building the same collection now.
    case buildBusy(collection: String)
    /// The embedder answered something that is not what it promised.
    case embedderInvalid(reason: String)
    /// A vector has another dimension than the index.
    case vectorsInvalid(reason: String)
    /// The vector server refused, or answered something that its API does not promise.
    case vectorServer(reason: String)
    /// The reranker answered something that is not what it promised.
    case rerankerInvalid(reason: String)
    /// A queries or judgements file is not in the BEIR layout.
    case evaluationUnreadable(file: String, line: Int, reason: String)

    /// Stable name for programs, snake_case.
    public var code: String {
        switch self {
        case .nothingReadable: "nothing_readable"
        case .nothingLeft: "nothing_left"
        case .indexDamaged: "index_damaged"
        case .destinationExists: "destination_exists"
        case .buildBusy: "build_busy"
        case .diskFull: "disk_full"
        case .embedderInvalid: "embedder_invalid"
        case .vectorsInvalid: "vectors_invalid"
        case .vectorServer: "vector_server"
        case .rerankerInvalid: "reranker_invalid"
        case .evaluationUnreadable: "evaluation_unreadable"
        }
    }

    /// Whether the same may succeed later without anybody changing it.
    public var isTransient: Bool {
        switch self {
        case .buildBusy, .diskFull: true
        default: false
        }
    }

    /// What failed and why, for a person.
    public var message: String {
        switch self {
        case .nothingReadable(let problems):
            if let first = problems.first {
                "No document could be read (\(problems.count) problems; the first: \(first.name): \(first.message))"
            } else {
                "No document could be read: the sources are empty."
            }
        case .nothingLeft(let collection): "The update \(collection) would leave the collection without a document."
        case .indexDamaged(let collection, let reason): "The collection \(collection) is damaged: \(reason)."
        case .destinationExists(let collection): "The folder \(collection) already holds another collection."
        case .diskFull(let what): "The disk is full: there was no room for \(what)."
        case .buildBusy(let collection): "The collection \(collection) is being built by another process."
        case .embedderInvalid(let reason): "The embedder broke its contract: \(reason)."
        case .vectorsInvalid(let reason): "The vectors do not fit the index: \(reason)."
        case .vectorServer(let reason): "The vector server failed: \(reason)."
        case .rerankerInvalid(let reason): "The reranker broke its contract: \(reason)."
        case .evaluationUnreadable(let file, let line, let reason): "\(file), line \(line): \(reason)."
        }
    }

    /// What to do about it.
    public var hint: String {
        switch self {
        case .nothingReadable(let problems):
            problems.first?.hint ?? "Add at least one UTF-8 .md, .txt or .jsonl file, or an archive of such files."
        case .nothingLeft: "Delete the collection instead, or change what the filter matches. The version before is as it was."
        case .indexDamaged: "Build the collection again from its documents; the damaged folder can be deleted."
        case .destinationExists: "Build into a new version's folder, or delete this one first."
        case .diskFull: "Free some space, then start again: finished work is kept."
        case .buildBusy: "Wait for the running build, or stop it and start this one again: finished work is kept."
        case .embedderInvalid: "Check the model folder and the engine's version, then start the build again: finished work is kept."
        case .vectorsInvalid: "Build a new version with the embedder in use; vectors of two models cannot be compared."
        case .vectorServer: "Check that it is a ChromaDB server with API v2 and that its address is right, then try again."
        case .rerankerInvalid: "Check the reranker's model folder, or search without it."
        case .evaluationUnreadable: "Use BEIR's layout: queries.jsonl with _id and text; qrels.tsv with query-id, corpus-id, score."
        }
    }
}

extension KnowledgeError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { description }
    public var description: String { message + " " + hint }
}
