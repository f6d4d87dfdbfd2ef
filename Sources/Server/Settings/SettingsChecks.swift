import Foundation
import NIOCore
import Providers

/// Names in the environment and in `.env` that look like settings and are none.
enum SettingNames {
    /// What the program's commands, its tests and its tools read beside the settings.
    private static let others: Set<String> = [
        "ATELIER_TOKEN", "ATELIER_URL", "ATELIER_SESSION", "ATELIER_BINARY", "ATELIER_CHROMIUM", "ATELIER_SCREENSHOTS", "ATELIER_OSV_URL",
        "ATELIER_FUZZ_REPLIES",
    ]
    private static let otherPrefixes = ["ATELIER_TEST_", "ATELIER_BENCH_"]

    /// A setting that was misspelt would be taken for one that was left out.
    /// - Parameters:
    ///   - names: those that have a value.
    ///   - known: of the settings, and what the operator hands on to children by name.
    /// - Throws: ``SettingsError`` with the nearest known name.
    static func check(_ names: some Sequence<String>, known: Set<String>) throws {
        for name in names.sorted() where name.uppercased().hasPrefix("ATELIER_") {
            if known.contains(name) || others.contains(name) || otherPrefixes.contains(where: name.hasPrefix) { continue }
            let nearest = known.union(others).map { ($0, distance($0, name.uppercased())) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
            let hint = nearest.flatMap { $0.1 <= max(2, name.utf8.count / 5) ? "did you mean \($0.0)?" : nil }
            throw SettingsError(
                key: name, message: "there is no such setting; \(hint ?? "docs/operations.md lists all of them.") Correct the name, or unset it")
        }
    }

    /// Letters to insert, remove or replace.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (i, a) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in right.enumerated() {
                let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }

    /// The names `.env` gives a value; the file is read as the settings' reader reads it.
    static func inFile(_ path: String) -> [String] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            return parts.count == 2 && !parts[1].isEmpty && !parts[0].hasPrefix("#") ? parts[0] : nil
        }
    }
}

extension Settings {
    /// Checks a name of `ATELIER_CHILD_ENVIRONMENT`. Children read foreign files: whoever takes one over reads its environment.
    static func childVariable(_ text: String) throws -> String {
        let key = "atelier.child.environment"
        // What stands behind the sign may be a secret.
        if let sign = text.firstIndex(of: "=") {
            throw SettingsError(key: key, message: "takes names, and \"\(text[..<sign])=…\" has a value: leave the value in the environment")
        }
        let isName = text.utf8.allSatisfy {
            $0 == UInt8(ascii: "_") || ($0 < 128 && (Character(UnicodeScalar($0)).isLetter || Character(UnicodeScalar($0)).isNumber))
        }
        guard isName, text.first?.isNumber == false else {
            throw SettingsError(key: key, message: "\"\(text.prefix(80))\" is not a name of an environment variable like NCCL_DEBUG")
        }
        let words = Set(text.uppercased().split(separator: "_"))
        guard words.isDisjoint(with: secretWords), !secretNames.contains(text.uppercased()) else {
            throw SettingsError(
                key: key,
                message: "\(text) is a secret by its name, and whatever takes a child over could read it: remove it from the list")
        }
        return text
    }

    private static let secretWords: Set<Substring> = [
        "KEY", "KEYS", "APIKEY", "TOKEN", "TOKENS", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "PGPASSWORD", "PGPASSFILE", "CREDENTIAL",
        "CREDENTIALS",
    ]
    /// They may hold a password.
    private static let secretNames: Set<String> = ["ATELIER_DATABASE_URL", "DATABASE_URL", "ATELIER_SESSION"]

    /// Checks a block of `ATELIER_TRUSTED_PROXIES`: one that holds clients lets each of them say who it is.
    static func trustedProxy(_ block: AddressBlock) throws -> AddressBlock {
        guard block.holdsStrangers else { return block }
        throw SettingsError(
            key: "atelier.trusted.proxies",
            message: "\(block) holds every client, or nearly: each could then pass for any other by X-Forwarded-For. Name the proxy's own address "
                + "(127.0.0.1) or its network (10.1.0.0/16)")
    }

    /// Checks `ATELIER_HOST` as far as that takes no look-up.
    static func listeningHost(_ host: String) throws -> String {
        let isNumeric = host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let isBracketed = host.hasPrefix("[") || host.contains("://") || host.contains("/") || host.contains(where: \.isWhitespace)
        guard !(isNumeric || isBracketed || host.contains(":")) || NetworkAddress(host) != nil else {
            throw SettingsError(
                key: "atelier.host",
                message:
                    "\"\(host.prefix(80))\" is not an address to listen on: 127.0.0.1 is for this machine alone, 0.0.0.0 (or ::) for every network")
        }
        return host
    }
}

extension SettingsError {
    /// What the system says when nothing can listen at an address, in words that say what to do; nil for other errors.
    init?(listening error: any Error, host: String, port: Int) {
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE:
            self.init(
                key: "atelier.port",
                message: "port \(port) of \(host) is in use: stop what uses it, or choose another with --port or ATELIER_PORT (0: a free one)")
        case let error as IOError where error.errnoCode == EACCES || error.errnoCode == EPERM:
            self.init(
                key: "atelier.port",
                message:
                    "this user may not listen on port \(port) of \(host): choose one from 1024 on with --port or ATELIER_PORT, and a proxy for the others"
            )
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
            self.init(
                key: "atelier.host",
                message: "\(host) is no address of this machine: 127.0.0.1 is for this machine alone, 0.0.0.0 (or ::) for every network")
        case let error as IOError where error.errnoCode == EAFNOSUPPORT:
            self.init(key: "atelier.host", message: "this machine has no network for \(host) (IPv6 may be switched off): try 0.0.0.0 or 127.0.0.1")
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            self.init(
                key: "atelier.host",
                message: "the name \(host) leads to no address: give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for every network")
        default: return nil
        }
    }

    /// Why a folder cannot be the data directory.
    init(dataDirectory folder: URL, _ error: any Error) {
        let path = folder.path
        var info = stat()
        let reason: String
        if stat(path, &info) == 0, info.st_mode & S_IFMT != S_IFDIR {
            reason = "\(path) is a file"
        } else if stat(path, &info) == 0 {
            reason = "\(path) cannot be written by this user"
        } else {
            let cause = Self.systemCode(error).map { ": \(String(cString: strerror($0)))" } ?? ""
            reason = "\(path) is not there and cannot be made\(cause)"
        }
        self.init(key: "atelier.data.dir", message: "\(reason). Choose a folder this user may write with --data-dir or ATELIER_DATA_DIR")
    }

    private static func systemCode(_ error: any Error) -> Int32? {
        let error = error as NSError
        if error.domain == NSPOSIXErrorDomain { return Int32(clamping: error.code) }
        return (error.userInfo[NSUnderlyingErrorKey] as? any Error).flatMap(systemCode)
    }
}
