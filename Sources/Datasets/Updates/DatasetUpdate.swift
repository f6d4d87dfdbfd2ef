import Foundation

/// Makes a new set of examples out of one that is there and a change, as normalised JSONL.
///
/// Both are read as streams. Merging and removing hold 96 bits of the SHA-256 of each example they compare with: 16 bytes, at most 43 while
/// the table grows. The order is the base's, then the change's.
public enum DatasetUpdate: Sendable {
    /// All of the change behind all of the base, also what is there already.
    case append(DatasetReader)
    /// The change alone.
    case replace(DatasetReader)
    /// Of the change what the base does not have, by ``ChatExample/id``; the base stays as it is.
    case merge(DatasetReader)
    /// The base without the examples of these ids.
    case remove(ids: Set<String>)

    /// What became of the examples.
    public struct Outcome: Sendable, Codable, Equatable {
        /// Of the base, and still there.
        public var kept = 0
        /// Of the change.
        public var added = 0
        /// Of the change, and left out since they are there already.
        public var same = 0
        /// Of the base, and no more there.
        public var removed = 0
        /// Of the new file.
        public var bytes = 0
        public var sha256 = ""

        public var examples: Int { kept + added }
    }

    /// Writes the new set. `target` may be the base's own file; it changes when the new one is whole, or not at all.
    /// - Throws: ``DatasetInvalid`` where the base or the change has problems, errors of the file system, `CancellationError`.
    public func apply(to base: DatasetReader, writing target: URL) throws -> Outcome {
        let writer = try DatasetWriter(target)
        var outcome = Outcome()
        func write(_ example: ChatExample) throws {
            try writer.write {
                example.write(to: &$0)
                $0.append(0x0A)
            }
        }
        switch self {
        case .append(let change):
            outcome.kept = try Self.examples(of: base, write)
            outcome.added = try Self.examples(of: change, write)
        case .replace(let change):
            outcome.removed = try Self.examples(of: base) { _ in }
            outcome.added = try Self.examples(of: change, write)
        case .merge(let change):
            var seen = SeenSet(limit: .max)
            outcome.kept = try Self.examples(of: base) { example in
                _ = seen.insert(example.shortID)
                try write(example)
            }
            _ = try Self.examples(of: change) { example in
                guard seen.insert(example.shortID) == .new else {
                    outcome.same += 1
                    return
                }
                outcome.added += 1
                try write(example)
            }
        case .remove(let ids):
            let total = try Self.examples(of: base) { example in
                if ids.contains(example.id) { outcome.removed += 1 } else { try write(example) }
            }
            outcome.kept = total - outcome.removed
        }
        outcome.sha256 = try writer.finish()
        outcome.bytes = writer.bytes
        return outcome
    }

    /// - Returns: how many there are.
    private static func examples(of reader: DatasetReader, _ body: (ChatExample) throws -> Void) throws -> Int {
        let report = try reader.read(body)
        // What was removed to the last example is an empty set, and no mistake.
        guard report.problemCount == 0 || report.problemCounts == [DatasetCode.emptyFile.rawValue: 1] && report.bytes == 0 else {
            throw DatasetInvalid(report)
        }
        return report.examples
    }
}

extension SeenSet {
    mutating func insert(_ id: (UInt64, UInt64)) -> Answer {
        insert(high: id.0, low: UInt32(truncatingIfNeeded: id.1 >> 32), line: 1)
    }
}
