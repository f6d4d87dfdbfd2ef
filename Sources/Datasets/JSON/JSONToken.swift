/// One value, or one key, of a scanned record. Tokens stand in the order of the text; in an object keys and values alternate.
package struct JSONToken {
    package enum Kind: UInt8 {
        case object, array, string, number, `true`, `false`, null
    }
    package var kind: Kind
    /// Of a string: its bytes are not yet its text.
    var hasEscapes = false
    /// The bytes of it; of a string those between the quotes.
    package var start: UInt32
    package var end: UInt32 = 0
    /// Index of the token behind this one and all that is inside of it.
    package var next: UInt32 = 0

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
package struct JSONFailure: Equatable {
    package enum Reason: Equatable {
        case ends(Wanted)
        case unexpected(Wanted)
        case controlCharacter, badEscape, loneSurrogate, invalidUTF8, badNumber, trailing, tooDeep, tooManyValues
    }
    /// What should have stood there. No text: an answer of a few bytes costs nothing where there is no failure.
    package enum Wanted: UInt8 {
        case value, key, colon, commaOrBrace, commaOrBracket, closingQuote, escape, literal

        var inWords: String {
            switch self {
            case .value: "a value"
            case .key: "a key in quotes"
            case .colon: "a colon behind the key"
            case .commaOrBrace: "a comma or }"
            case .commaOrBracket: "a comma or ]"
            case .closingQuote: "the closing quote"
            case .escape: "an escape"
            case .literal: "true, false or null"
            }
        }
    }
    package var reason: Reason
    package var offset: Int
}
