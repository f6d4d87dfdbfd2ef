// swift-tools-version:6.2
import PackageDescription

/// Swift 6 language mode; a warning in one of our own targets is an error.
let strict: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// Of targets whose tests look inside, in the release build too: what is tested is what runs.
let inspected = strict + [.unsafeFlags(["-enable-testing"], .when(configuration: .release))]

func leaf(
    _ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil, swiftSettings: [SwiftSetting] = strict
) -> Target {
    .target(
        name: name, dependencies: dependencies + [.product(name: "Logging", package: "swift-log")], resources: resources,
        swiftSettings: swiftSettings)
}

func layer(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    leaf(name, dependencies, resources: resources, swiftSettings: inspected)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    // What they test is optimised, they are not, which halves the time they take to compile; but these two count in millions themselves.
    let isOptimised = ["Knowledge", "Datasets"].contains(name)
    return .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: strict + (isOptimised ? [] : [.unsafeFlags(["-Onone"], .when(configuration: .release))]))
}

let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOFoundationCompat", package: "swift-nio"),
]

let package = Package(
    name: "atelier",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "atelier", targets: ["Atelier"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2"),
    ],
    targets: [
        // The loops that are compiled for more than one processor.
        .target(name: "CVectorScan"),
        // PostgreSQL's own client library.
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        // What everybody names: values, and no more.
        leaf("Domain", [], swiftSettings: inspected),
        // The five leaves: none imports another.
        leaf("Store", ["Domain", "CPostgres", grdb, crypto, cryptoExtras], swiftSettings: inspected),
        leaf("Knowledge", ["Domain", "CVectorScan", grdb, crypto], swiftSettings: inspected),
        leaf(
            "Providers", ["Domain", httpClient] + nio + [.product(name: "NIOHTTP1", package: "swift-nio")],
            resources: [.embedInCode("Resources/vendors.json"), .embedInCode("Resources/prices.json")]),
        leaf("LocalModels", ["Domain", subprocess, httpClient] + nio),
        leaf("Datasets", ["Domain", crypto]),

        // Each uses those above it, never one below.
        layer("Files", ["Domain", "Store", "Knowledge", "LocalModels"]),
        layer("Calls", ["Domain", "Files", "Store", "Knowledge", "Providers", "LocalModels", crypto]),
        layer("Answers", ["Domain", "Calls", "Files", "Store", "Knowledge", "Providers", "LocalModels", "Datasets", crypto]),
        layer("Releases", ["Domain", "Answers", "Calls", "Files", "Store", "Knowledge", "LocalModels", crypto]),
        layer(
            "Training", ["Domain", "Releases", "Answers", "Calls", "Files", "Store", "Knowledge", "Providers", "LocalModels", "Datasets", crypto],
            resources: [.embedInCode("Resources/other-voices.jsonl")]),
        .target(
            name: "Server",
            dependencies: [
                "Domain", "Training", "Releases", "Answers", "Calls", "Files", "Store", "Knowledge", "Datasets", "Providers", "LocalModels",
                hummingbird,
                crypto, lifecycle,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"), .product(name: "Yams", package: "Yams"), httpClient,
                .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"), .product(name: "HummingbirdCore", package: "hummingbird"),
            ] + nio,
            resources: [.embedInCode("Resources/openapi.yaml")], swiftSettings: inspected),
        .executableTarget(
            name: "Atelier",
            dependencies: ["Domain", "Server", "Datasets", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),

        .target(name: "TestSupport", dependencies: ["Domain"], path: "Tests/TestSupport", swiftSettings: strict),
        .target(name: "TestDatabases", dependencies: ["Store"], path: "Tests/TestDatabases", swiftSettings: strict),
        .target(name: "TestMeters", dependencies: ["Domain", "TestDatabases", "Calls", "Store"], path: "Tests/TestMeters", swiftSettings: strict),
        tests("Domain", ["TestSupport"]),
        tests("Store", ["Domain", "TestSupport", "TestDatabases"]),
        tests("Knowledge", ["Domain", "TestSupport", "CVectorScan", grdb]),
        tests("Providers", ["Domain", "TestSupport"]),
        tests("LocalModels", ["Domain", "TestSupport", httpClient]),
        tests("Datasets", ["Domain", "TestSupport"]),
        tests("Files", ["Domain", "TestDatabases"]),
        tests("Calls", ["Domain", "TestMeters", "TestDatabases"]),
        tests("Answers", ["Domain", "TestMeters"]),
        tests("Training", ["Domain", "TestSupport", "TestMeters"]),
        tests(
            "Server",
            [
                "Domain", "Store", "Providers", "TestDatabases", .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"), .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
    ]
)
