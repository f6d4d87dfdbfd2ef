import Domain

extension ChatExample {
    /// Overwrites what is found, in texts and in all other fields. The record it was made of is let go then, since it says it too.
    /// - Returns: places overwritten.
    public mutating func redact(_ kinds: Set<SensitiveKind>) -> Int {
        var places = 0
        for index in messages.indices {
            if var content = messages[index].content, let changed = content.withUTF8({ SensitiveRedaction.text($0, kinds, &places) }) {
                messages[index].content = String(decoding: changed, as: UTF8.self)
            }
            SensitiveRedaction.fields(&messages[index].fields, kinds, &places)
        }
        SensitiveRedaction.fields(&fields, kinds, &places)
        if places > 0 { source = nil }
        return places
    }
}

enum SensitiveRedaction {
    /// - Returns: nil where nothing was found.
    static func text(_ bytes: Bytes, _ kinds: Set<SensitiveKind>, _ places: inout Int) -> [UInt8]? {
        let padded = PaddedBytes(bytes)
        let matches = SensitiveScan.matches(padded.bytes).filter { kinds.contains($0.kind) }
        guard !matches.isEmpty else { return nil }
        places += matches.count
        var result: [UInt8] = []
        var done = 0
        for match in matches {
            result += bytes[done..<match.range.lowerBound]
            result += match.kind.replacement.utf8
            done = match.range.upperBound
        }
        return result + bytes[done...]
    }

    static func fields(_ fields: inout [JSONField], _ kinds: Set<SensitiveKind>, _ places: inout Int) {
        for index in fields.indices {
            fields[index].json = JSONText.mapTexts(fields[index].json) { text($0, kinds, &places) }
        }
    }
}
