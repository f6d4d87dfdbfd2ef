import Domain
import Foundation
import LocalModels
import Providers

/// A place on a local model server for one answer.
package enum LocalLease {
    /// How often a server that dies under a request is replaced for it.
    private static let attempts = 3

    /// With the adapter, or with its base alone where the adapter cannot be loaded, or none where no
    /// server runs; each step down is told.
    /// - Parameter scale: at 0 an adapter changes nothing and is not loaded.
    static func take(_ server: AdapterServer, voice: VoiceAdapter?, scale: Double) async throws -> (AdapterServer.Lease?, [Degradation]) {
        let base = voice?.baseModel ?? EnginePaths.baseModelName
        var degraded: [Degradation] = []
        if let voice, scale != 0 {
            do {
                let lease = try await server.lease(adapter: voice.file, base: base)
                if !lease.isLlama, scale != 1 {
                    degraded.append(
                        Degradation(stage: "answer", reason: "the adapter server knows no scales", effect: "answered with the adapter as trained"))
                }
                return (lease, degraded)
            } catch is CancellationError { throw CancellationError() } catch {
                degraded.append(
                    Degradation(stage: "answer", reason: "\(error)", effect: "answered by the base model without the voice", lacks: .voice))
            }
        }
        do { return (try await server.lease(base: base), degraded) } catch is CancellationError { throw CancellationError() } catch {
            return (nil, degraded + [Degradation(stage: "answer", reason: "\(error)", effect: "the local model cannot be asked")])
        }
    }

    /// Runs `body` with what ``take(_:voice:scale:)`` gives, and again on the next server where this one died
    /// before a token of its reply arrived.
    /// - Parameters:
    ///   - isSilent: whether nothing of the reply has reached the caller yet.
    ///   - body: gets the lease and how often a server has died before.
    package static func run<T: Sendable>(
        _ server: AdapterServer, voice: VoiceAdapter?, scale: Double, isSilent: @Sendable () -> Bool = { true },
        _ body: @Sendable (AdapterServer.Lease?, [Degradation], _ deaths: Int) async throws -> T
    ) async throws -> T {
        var told: [Degradation] = []
        var deaths = 0
        while true {
            let (lease, degraded) = try await take(server, voice: voice, scale: scale)
            told += degraded.filter { !told.contains($0) }
            do {
                let value = try await body(lease, told, deaths)
                if let lease { await server.release(lease) }
                return value
            } catch {
                deaths += 1
                let wasLost = if let lease { await wasLost(lease, error, server, deaths) && isSilent() } else { false }
                if let lease { await server.release(lease) }
                guard wasLost else { throw error }
            }
        }
    }

    private static func wasLost(_ lease: AdapterServer.Lease, _ error: any Error, _ server: AdapterServer, _ deaths: Int) async -> Bool {
        guard deaths < attempts, !Task.isCancelled, let last = (error as? RouterError)?.attempts.last, last.provider == "local" else { return false }
        // Everything else is an answer of the server's.
        let broken: [ProviderError.Kind] = [.connection, .cutStream, .malformedReply, .circuitOpen, .timeout]
        guard broken.map(\.rawValue).contains(last.outcome) else { return false }
        return await server.hasEnded(lease)
    }
}
