import Foundation

/// A failure of the engine: what went wrong and what to do.
public struct LocalModelError: Error, Sendable, Equatable, CustomStringConvertible {
    public var code: Code
    public var message: String
    public var hint: String?

    public init(code: Code, message: String, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// What a script of the engine has said.
    /// - Parameter code: one that this version does not know is told as ``Code/internal``, in front of the message.
    init(said code: String, _ message: String, hint: String?) {
        let known = Code(rawValue: code)
        self.init(code: known ?? .internal, message: known == nil ? "\(code): \(message)" : message, hint: hint)
    }

    public var description: String { "\(code.rawValue): \(message)\(hint.map { " (\($0))" } ?? "")" }
}

extension LocalModelError {
    /// Every code there is: those of this module and those the scripts in `engine/` say. `engine/tests/test_codes.py` holds the list
    /// against the scripts and against this module: a code that one of them says is here, and one that nobody says is not.
    public enum Code: String, Sendable, CaseIterable {
        // A file or a folder of the installation that is not there.
        case engineMissing = "engine_missing"
        case baseModelMissing = "base_model_missing"
        case embedderMissing = "embedder_missing"
        case adapterMissing = "adapter_missing"
        case fileMissing = "file_missing"

        // A child, or the server it supervises, that does not start, ends in the middle, or answers something else.
        case sandboxUnavailable = "sandbox_unavailable"
        case embedderFailed = "embedder_failed"
        case embedderDied = "embedder_died"
        case parserFailed = "parser_failed"
        case parserDied = "parser_died"
        case parserCrashed = "parser_crashed"
        case engineStopped = "engine_stopped"
        case engineProtocol = "engine_protocol"
        case trainerDied = "trainer_died"
        case trainerFailed = "trainer_failed"
        case loadFailed = "load_failed"
        case serverFailed = "server_failed"
        case serverStopped = "server_stopped"
        case serverUnstable = "server_unstable"
        case serverEnded = "server_ended"
        case childOutputUnsafe = "child_output_unsafe"
        case `internal`

        // The machine.
        case diskFull = "disk_full"
        case outOfMemory = "out_of_memory"
        case tooMuchMemory = "too_much_memory"
        case memoryLimit = "memory_limit"
        case tooSlow = "too_slow"
        case ioError = "io_error"
        case deviceUnavailable = "device_unavailable"
        case fourBitUnavailable = "four_bit_unavailable"

        // A training run.
        case stopped
        case superseded
        case configInvalid = "config_invalid"
        case datasetInvalid = "dataset_invalid"
        case datasetMissing = "dataset_missing"
        case noReplyTokens = "no_reply_tokens"
        case nanLoss = "nan_loss"
        case targetModulesUnknown = "target_modules_unknown"
        case exportFailed = "export_failed"
        case estimateFailed = "estimate_failed"
        case previewFailed = "preview_failed"
        case invalidExample = "invalid_example"

        // A base model or an adapter.
        case baseModelUnsupported = "base_model_unsupported"
        case baseModelUnservable = "base_model_unservable"
        case adapterInvalid = "adapter_invalid"
        case adapterRefused = "adapter_refused"
        case adapterServerDown = "adapter_server_down"
        case adapterImportFailed = "adapter_import_failed"
        case adapterExportFailed = "adapter_export_failed"
        case adapterMergeFailed = "adapter_merge_failed"
        case fileInvalid = "file_invalid"

        // An archive, a collection or a Parquet file.
        case archiveInvalid = "archive_invalid"
        case archiveUnsupported = "archive_unsupported"
        case archiveUnreadable = "archive_unreadable"
        case collectionInvalid = "collection_invalid"
        case duplicateEntry = "duplicate_entry"
        case encrypted
        case tooLarge = "too_large"
        case tooManyEntries = "too_many_entries"
        case unsafePath = "unsafe_path"
        case notEmpty = "not_empty"
        case parquetFailed = "parquet_failed"
        case parquetInvalid = "parquet_invalid"
        case duplicateColumn = "duplicate_column"
        case tooManyColumns = "too_many_columns"
        case valueUnsupported = "value_unsupported"

        // A document.
        case archive
        case binary
        case csvInvalid = "csv_invalid"
        case damaged
        case empty
        case jsonInvalid = "json_invalid"
        case jsonlInvalid = "jsonl_invalid"
        case noText = "no_text"
        case notAFile = "not_a_file"
        case notFound = "not_found"
        case outUnwritable = "out_unwritable"
        case tooDeep = "too_deep"
        case tooMuchText = "too_much_text"
        case unreadable
        case unsafeXml = "unsafe_xml"
        case unsupported
        case zipBomb = "zip_bomb"

        // A request to a child.
        case invalidJson = "invalid_json"
        case invalidRequest = "invalid_request"
        case requestTooLarge = "request_too_large"
        case unknownOp = "unknown_op"
        case noReranker = "no_reranker"

        /// Whether the same may succeed later without anybody changing it: a process that died, a neighbour that took the memory.
        public var isTransient: Bool {
            switch self {
            case .embedderDied, .parserDied, .trainerDied, .engineStopped, .engineProtocol, .serverFailed, .serverStopped, .serverUnstable,
                .serverEnded,
                .adapterServerDown, .stopped, .outOfMemory, .diskFull:
                true
            default: false
            }
        }

        /// Whether another request would fare better, rather than another machine.
        public var isTheRequests: Bool {
            switch self {
            case .adapterInvalid, .baseModelUnservable, .targetModulesUnknown, .configInvalid, .datasetInvalid: true
            default: false
            }
        }
    }
}
