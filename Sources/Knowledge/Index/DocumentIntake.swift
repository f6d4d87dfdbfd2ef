/// Takes documents as they are read and stores their chunks in groups, so that token counting is
/// batched and memory stays bounded whatever the corpus' size.
struct DocumentIntake {
    private static let groupDocuments = 64
    private static let groupBytes = 1 << 20

    let chunker: Chunker
    let database: ChunkDatabase
    let earlier: EarlierVersion?
    private(set) var problems = DocumentProblemLog()
    private(set) var documentsDone = 0
    private var group: [Document] = []
    private var bytes = 0
    /// Start of the content hash by name, to tell a repeated document from another of the same name.
    private var seen: [String: Substring] = [:]

    init(chunker: Chunker, database: ChunkDatabase, earlier: EarlierVersion?) {
        self.chunker = chunker
        self.database = database
        self.earlier = earlier
    }

    /// - Returns: whether a group was stored.
    mutating func take(_ event: DocumentReader.Event) async throws -> Bool {
        switch event {
        case .problem(let problem):
            problems.add(problem)
            return false
        case .document(var document):
            guard let name = try uniqueName(document) else {
                problems.add(.duplicate(document.name))
                return false
            }
            if name != document.name {
                problems.add(.renamed(document.name, to: name))
                document.name = name
            }
            // Stored by the attempt that is being resumed.
            if try database.hasDocument(name) {
                documentsDone += 1
                return false
            }
            group.append(document)
            bytes += document.text.utf8.count
            guard group.count >= Self.groupDocuments || bytes >= Self.groupBytes else { return false }
            try await flush()
            return true
        }
    }

    /// Cuts and stores what is waiting.
    mutating func flush() async throws {
        guard !group.isEmpty else { return }
        var stored: [(Document, [Chunk])] = []
        for (document, chunks) in zip(group, try await chunker.chunk(group)) {
            // A file of rules and blank lines has bytes but nothing to find.
            if chunks.isEmpty { problems.add(.empty(document.name)) } else { stored.append((document, chunks)) }
        }
        try database.insert(stored)
        documentsDone += stored.count
        group = []
        bytes = 0
    }

    /// A name of its own, or nil if the same document came before or is in the earlier version.
    private mutating func uniqueName(_ document: Document) throws -> String? {
        let hash = Substring(String(document.sha256.prefix(16)))
        var candidate = document
        var number = 2
        while true {
            if let other = seen[candidate.name] {
                if other == hash { return nil }
            } else {
                switch try earlier?.place(of: candidate) ?? .added {
                case .present: return nil
                case .added:
                    seen[candidate.name] = hash
                    return candidate.name
                case .taken: break
                }
            }
            candidate.name = "\(document.name) (\(number))"
            number += 1
        }
    }
}
