/// Ids of replies: a vendor's prefix and 96 random bits in hex. They are kept nowhere.
enum GatewayID {
    static func make(_ prefix: String) -> String {
        var generator = SystemRandomNumberGenerator()
        let (first, second) = (generator.next(), UInt32(truncatingIfNeeded: generator.next()))
        return prefix + padded(String(first, radix: 16), 16) + padded(String(second, radix: 16), 8)
    }

    private static func padded(_ digits: String, _ length: Int) -> String { String(repeating: "0", count: length - digits.count) + digits }
}
