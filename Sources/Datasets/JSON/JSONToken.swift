/// One value, or one key, of a scanned record. Tokens stand in the order of the text; in an object keys and values alternate.
struct JSONToken {
    enum Kind: UInt8 {
        case object, array, string, number, `true`, `false`, null
    }
    var kind: Kind
    /// Of a string: its bytes are not yet its text.
    var hasEscapes = false
    /// The bytes of it; of a string those between the quotes.
    var start: UInt32
    var end: UInt32 = 0
    /// Index of the token behind this one and all that is inside of it.
    var next: UInt32 = 0

    var kindInWords: String {
        switch kind {
        case .object: "an object"
        case .array: start + 2 == end ? "an empty list" : "a list"
        case .string: "text"
        case .number: "a number"
        case .true, .false: "a boolean"
        case .null: "null"
        }
    }
}

/// Why a text is no JSON, and at which byte.
struct JSONFailure: Equatable {
    enum Reason: Equatable {
        case ends(String)
        case unexpected(String)
        case controlCharacter, badEscape, loneSurrogate, invalidUTF8, badNumber, trailing, tooDeep, tooManyValues
    }
    var reason: Reason
    var offset: Int
}
