extension ExampleReader {
    /// What is wrong with a text that is no JSON.
    func report(_ failure: JSONFailure) {
        // Where any byte is no UTF-8, that is the cause, wherever the scan stopped.
        if failure.reason == .invalidUTF8 || UTF8Scan.firstInvalid(record) != nil {
            let offset = UTF8Scan.firstInvalid(record) ?? failure.offset
            let byte = String(record[offset], radix: 16, uppercase: true)
            errors.add(
                .invalidUTF8, line: line, found: "the byte 0x\(byte) at \(offset + 1), which is no UTF-8 text", expected: "UTF-8",
                hint: "save the file as UTF-8; a binary or compressed file cannot be read")
            return
        }
        switch failure.reason {
        case .loneSurrogate:
            errors.add(
                .loneSurrogate, line: line, found: "half of a surrogate pair at byte \(failure.offset + 1): \(near(failure.offset))",
                expected: "both halves, or the character itself",
                hint: "the text was cut inside of a character: write the whole character, or remove the escape")
        case .tooDeep:
            errors.add(
                .tooDeep, line: line, found: "lists or objects inside of each other more than \(JSONTape.maxDepth) times", expected: "a flat record",
                hint: "a record is an object of a few levels: look for missing closing brackets")
        case .tooManyValues:
            errors.add(
                .tooManyValues, line: line, found: "more than \(JSONTape.maxTokens) values in one record", expected: "one example",
                hint: "split the record")
        default:
            errors.add(
                .invalidJSON, line: line, found: "no JSON: \(words(failure))", expected: "one whole JSON object", hint: hint(failure))
        }
    }

    private func near(_ offset: Int) -> String {
        // Not from the middle of a character.
        var start = max(0, min(offset, record.count) - 10)
        while start > 0, start < record.count, record[start] & 0xC0 == 0x80 { start -= 1 }
        var end = min(record.count, start + 30)
        while end < record.count, record[end] & 0xC0 == 0x80 { end += 1 }
        return Bytes(rebasing: record[start..<end]).excerpt(34)
    }

    private func words(_ failure: JSONFailure) -> String {
        let place = "byte \(failure.offset + 1), near \(near(failure.offset))"
        switch failure.reason {
        case .ends(let wanted): return "the record ends where \(wanted.inWords) should stand: \(record.excerpt())"
        case .unexpected(let wanted): return "\(wanted.inWords) should stand at \(place)"
        case .controlCharacter: return "an unescaped control character in a text at \(place)"
        case .badEscape: return "a backslash that begins no escape at \(place)"
        case .badNumber: return "a number that is none at \(place)"
        default: return "more text behind the value at \(place)"
        }
    }

    /// Words that other languages have for what JSON cannot say or says otherwise, and what to write.
    private static let foreignWords: [(word: StaticString, hint: String)] = [
        ("NaN", "JSON has no NaN: write null, or leave the field out"),
        ("Infinity", "JSON has no infinite number: write null, or leave the field out"),
        ("nan", "JSON has no NaN: write null, or leave the field out"),
        ("None", "None is Python's: JSON writes null. json.dumps does, str and repr do not"),
        ("True", "True is Python's: JSON writes true. json.dumps does, str and repr do not"),
        ("False", "False is Python's: JSON writes false. json.dumps does, str and repr do not"),
        ("undefined", "JSON has no undefined: write null, or leave the field out"),
    ]

    private func foreignWord(at offset: Int) -> String? {
        Self.foreignWords.first { entry in
            let end = offset + entry.word.utf8CodeUnitCount
            return end <= record.count && Bytes(rebasing: record[offset..<end]).equals(entry.word)
        }?.hint
    }

    private func hint(_ failure: JSONFailure) -> String {
        if let hint = foreignWord(at: failure.offset) { return hint }
        return switch failure.reason {
        case .trailing where layout.encoding == .jsonl && failure.offset > 0 && record[..<failure.offset].last == 0x0D:
            "a carriage return alone ends no line here, since the file has line feeds too: save it with one kind of line ends"
        case .unexpected(.key) where failure.offset < record.count && record[failure.offset] == 0x27:
            "JSON has texts in double quotes: write the file with a JSON library; Python's str and repr write single ones"
        case .ends where layout.encoding == .jsonl && record.count < 3:
            "each line is one whole JSON object: the file seems to be indented JSON; write each example on one line, or all in one list"
        case .controlCharacter: #"write \n for a line end and \t for a tab inside of a text"#
        case .badEscape: #"write \\ for a backslash"#
        case .trailing: "each record is one JSON object: put the second one on a line of its own"
        default: "each record is one whole JSON object; write it with a JSON library rather than by hand"
        }
    }
}
