/// What the first bytes of a file say it is. Uploads arrive under any name, so names are not asked.
enum FileSignature: Equatable {
    /// A zip: an archive, or one of the many documents that are packed as one. Its entries tell, not these bytes.
    case zip
    case archive
    /// A known format this module cannot read, by its usual name.
    case foreign(String)
    case unknown

    /// Bytes needed to decide: a tar header's magic sits at offset 257.
    static let length = 512

    init(_ head: [UInt8]) {
        func starts(_ magic: [UInt8], at offset: Int = 0) -> Bool {
            head.count >= offset + magic.count && head[offset..<offset + magic.count].elementsEqual(magic)
        }
        // zip's other first record is the end of an empty archive.
        if starts([0x50, 0x4B, 3, 4]) || starts([0x50, 0x4B, 5, 6]) {
            self = .zip
        } else if starts([0x1F, 0x8B]) || starts(Array("ustar".utf8), at: 257) {
            self = .archive
        } else if starts(Array("%PDF-".utf8)) {
            self = .foreign("PDF")
        } else if starts([0xFF, 0xFE]) || starts([0xFE, 0xFF]) {
            self = .foreign("UTF-16 text")
        } else if starts(Array("BZh".utf8)) {
            self = .foreign("bzip2")
        } else if starts([0xFD, 0x37, 0x7A, 0x58, 0x5A]) {
            self = .foreign("xz")
        } else if starts([0x37, 0x7A, 0xBC, 0xAF]) {
            self = .foreign("7z")
        } else if starts([0x52, 0x61, 0x72, 0x21]) {
            self = .foreign("RAR")
        } else if starts([0xD0, 0xCF, 0x11, 0xE0]) {
            self = .foreign("a document of old Office programs")
        } else if starts(Array("{\\rtf".utf8)) {
            self = .foreign("RTF")
        } else {
            self = .unknown
        }
    }
}
