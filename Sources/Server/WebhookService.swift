import ServiceLifecycle
import Training

/// Sends webhooks while the server runs; what waits then is sent by the next one.
struct WebhookService: Service, CustomStringConvertible {
    let sender: WebhookSender
    let description = "webhooks"

    func run() async throws { await cancelWhenGracefulShutdown { await sender.run() } }
}
