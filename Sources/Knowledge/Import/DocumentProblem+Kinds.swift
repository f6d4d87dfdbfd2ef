/// One place for the wording of problems: what was found, what was expected, a fix.
extension DocumentProblem {
    static func empty(_ name: String) -> Self {
        .init(name: name, code: "empty_document", message: "The document has no text.", hint: "Remove it, or check that it was saved.")
    }

    static func notUTF8(_ name: String, offset: Int?) -> Self {
        .init(
            name: name, code: "not_utf8",
            message: "The text is not UTF-8" + (offset.map { " (first wrong byte at offset \($0))." } ?? "."),
            hint: "Save it as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8 converts old Windows text).")
    }

    static func binary(_ name: String) -> Self {
        .init(
            name: name, code: "binary_file", message: "The file holds binary data, not text.",
            hint: "Add the text of it as .md or .txt.")
    }

    static func unsupported(_ name: String, what: String) -> Self {
        .init(
            name: name, code: "unsupported_type",
            message:
                "The file \(what); readable are .md, .markdown, .txt, .jsonl, .csv, .tsv, source code, files without extension, and .zip, .tar and .tar.gz archives of them.",
            hint: "Convert it to UTF-8 text or markdown.")
    }

    static func unreadable(_ name: String, _ error: any Error) -> Self {
        // The error's own text may hold a path of the server: only its kind is shown.
        .init(
            name: name, code: "unreadable", message: "The file could not be opened or read (\(type(of: error))).",
            hint: "Check that it still exists and may be read, then try again.")
    }

    static func tooLarge(_ name: String, bytes: Int, limit: Int) -> Self {
        .init(
            name: name, code: "document_too_large", message: "The document has \(bytes) bytes; at most \(limit) are read as one.",
            hint: "Split it into several files.")
    }

    static func lineTooLong(_ name: String, limit: Int) -> Self {
        .init(name: name, code: "line_too_long", message: "The line has more than \(limit) bytes.", hint: "Split its text over several lines.")
    }

    static func archiveUnsupported(_ name: String) -> Self {
        .init(name: name, code: "archive_unsupported", message: "Archives are not unpacked here.", hint: "Add the files themselves.")
    }

    static func archiveUnreadable(_ name: String, _ error: any Error) -> Self {
        let failure = error as? DocumentParseFailure
        return .init(
            name: name, code: "archive_unreadable", message: "The archive could not be unpacked: \(failure?.message ?? "\(error)")",
            hint: failure?.hint ?? "Try again; where it fails again, upload the files by themselves.")
    }

    static func calledOther(_ name: String, suffix: String) -> Self {
        .init(
            name: name, code: "wrong_extension", message: "The name ends in .\(suffix), but the file is an archive; its files were read.",
            hint: "Nothing to do if that is what it should be; else upload the document itself.", isWarning: true)
    }

    static func warning(_ warning: ParsedText.Warning, of name: String) -> Self {
        .init(
            name: name, code: warning.code, message: warning.message,
            hint: "The rest of it was read. What is missing and matters, upload as a text of its own.", isWarning: true)
    }

    static func hidden(_ name: String, _ paths: [String]) -> Self {
        let more = paths.count > 5 ? " and \(paths.count - 5) more" : ""
        return .init(
            name: name, code: "hidden_left_out",
            message: "Hidden files and folders were not read: \(paths.prefix(5).joined(separator: ", "))\(more).",
            hint: "Rename what should be read, without the dot in front.", isWarning: true)
    }

    static func nestedArchive(_ name: String) -> Self {
        .init(name: name, code: "nested_archive", message: "The file is an archive inside an archive.", hint: "Unpack it and add it by itself.")
    }

    static func invalidJSON(_ name: String, _ bytes: [UInt8]) -> Self {
        let start = String(decoding: bytes.prefix(40), as: UTF8.self)
        return .init(
            name: name, code: "invalid_json", message: "The line is not a JSON object; it starts with: \(start)",
            hint: "Write one object a line: {\"_id\": \"1\", \"title\": \"…\", \"text\": \"…\"}.")
    }

    static func missingID(_ name: String) -> Self {
        .init(
            name: name, code: "missing_id", message: "The object has no \"_id\" that is a string or an integer.",
            hint: "Give each document its own \"_id\".")
    }

    static func missingText(_ name: String, isChat: Bool) -> Self {
        .init(
            name: name, code: "missing_text",
            message: isChat ? "The object is a chat example, not a document." : "The object has no \"text\" that is a string.",
            hint: isChat
                ? "Add the file as a jsonl dataset instead: examples teach the voice, documents the knowledge."
                : "Put the document's text under \"text\".")
    }

    static func invalidField(_ name: String, _ what: String) -> Self {
        .init(
            name: name, code: "invalid_field", message: what + "; the document is kept without it.",
            hint: "Optional are \"tags\" (strings), \"date\" (2026-03-01), \"kind\", \"format\" (markdown, plain, csv, tsv, code:LANGUAGE) "
                + "and \"pages\" (ascending byte offsets): correct the field or leave it out.")
    }

    static func duplicate(_ name: String) -> Self {
        .init(
            name: name, code: "duplicate_document", message: "The same content is there already.",
            hint: "Nothing to do: it is kept once.")
    }

    static func renamed(_ name: String, to new: String) -> Self {
        .init(
            name: name, code: "duplicate_name", message: "Another document has the same name; this one is kept as \(new).",
            hint: "Rename one of them, so that citations are clear.")
    }
}
