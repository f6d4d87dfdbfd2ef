/// What a name may be: of a minion, a dataset, a person, a key, and whatever else stands in lists and messages that others read.
public enum DisplayName {
    /// What is wrong with a name; `nil` where nothing is.
    ///
    /// Characters that cannot be seen are refused, because they make a name look like another, or turn the text around it about:
    /// controls, marks of direction, and what Unicode has shown as nothing (`Default_Ignorable_Code_Point`). Joiners and variation
    /// selectors are allowed: Persian, the scripts of India and emoji are written with them.
    /// - Parameter length: in code points. A visible character may have any number of them.
    public static func problem(_ text: String, length: ClosedRange<Int>) -> String? {
        let scalars = text.unicodeScalars
        guard length.contains(scalars.count) else {
            return scalars.count < length.lowerBound
                ? "must have at least \(length.lowerBound) character\(length.lowerBound == 1 ? "" : "s")"
                : "must have at most \(length.upperBound) characters"
        }
        if let hidden = scalars.first(where: isHidden) {
            let number = String(hidden.value, radix: 16, uppercase: true)
            return "must not hold the invisible character U+\(String(repeating: "0", count: max(0, 4 - number.count)))\(number)"
        }
        guard scalars.isEmpty || scalars.contains(where: isVisible) else { return "must have a character that can be seen" }
        return nil
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return true
        default: return properties.isBidiControl || (properties.isDefaultIgnorableCodePoint && !isJoining(properties))
        }
    }

    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool { !scalar.properties.isWhitespace && !isJoining(scalar.properties) }

    private static func isJoining(_ properties: Unicode.Scalar.Properties) -> Bool { properties.isJoinControl || properties.isVariationSelector }
}
