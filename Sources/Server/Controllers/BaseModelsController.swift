import Hummingbird
import Training

/// `/api/models`: what adapters can be trained for.
struct BaseModelsController: Sendable {
    let estimator: JobEstimator

    func routes(_ group: RouterGroup<PersonContext>) {
        group.get(use: list)
    }

    @Sendable func list(_ request: Request, context: PersonContext) async throws -> Response {
        .json(["items": estimator.baseModels()])
    }
}
