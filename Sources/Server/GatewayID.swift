import Synchronization

/// Ids that the vendors' clients are given for replies and requests. They are kept nowhere.
enum GatewayID {
    /// A vendor's prefix and 96 random bits in hex.
    static func make(_ prefix: String) -> String {
        var generator = SystemRandomNumberGenerator()
        let (first, second) = (generator.next(), UInt32(truncatingIfNeeded: generator.next()))
        return prefix + padded(String(first, radix: 16), 16) + padded(String(second, radix: 16), 8)
    }

    /// The number of a request; its id is only made where it is told.
    static func nextRequest() -> UInt64 { requests.wrappingAdd(1, ordering: .relaxed).newValue }

    static func request(_ number: UInt64) -> String { "req_" + process + padded(String(number, radix: 16), 12) }

    private static let requests = Atomic<UInt64>(0)
    /// Tells this run of the server from every other.
    private static let process = padded(String(UInt32.random(in: 0 ... .max), radix: 16), 8)

    private static func padded(_ digits: String, _ length: Int) -> String { String(repeating: "0", count: length - digits.count) + digits }
}
