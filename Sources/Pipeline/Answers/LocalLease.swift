import Foundation
import LocalModels

/// A place on the local model server for one answer.
enum LocalLease {
    /// With the adapter, or with the base alone where the adapter cannot be loaded, or none where no
    /// server runs; each step down is told.
    static func take(_ server: AdapterServer, voice: VoiceAdapter?) async throws -> (AdapterServer.Lease?, [Degradation]) {
        var degraded: [Degradation] = []
        if let voice {
            do { return (try await server.lease(adapter: voice.file), []) } catch is CancellationError { throw CancellationError() } catch {
                degraded.append(Degradation(stage: "answer", reason: "\(error)", effect: "answered by the base model without the voice"))
            }
        }
        do { return (try await server.lease(), degraded) } catch is CancellationError { throw CancellationError() } catch {
            return (nil, degraded + [Degradation(stage: "answer", reason: "\(error)", effect: "the local model cannot be asked")])
        }
    }
}
