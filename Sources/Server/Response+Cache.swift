import HTTPTypes
import Hummingbird

extension Response {
    /// Says in `x-atelier-cache: hit` that the answer was given before. A stream says it in its events:
    /// its head goes out before the answer is known.
    func marked(cached: Bool) -> Response {
        guard cached else { return self }
        var response = self
        response.headers[.init("X-Atelier-Cache")!] = "hit"
        return response
    }
}
