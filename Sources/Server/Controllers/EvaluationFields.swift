import Domain
import LocalModels
import Store
import Training

/// `config.evaluation` of a job.
enum EvaluationFields {
    static func read(_ fields: inout RequestFields, _ settings: inout EvaluationSettings) {
        var read = settings
        fields.nested("evaluation") { inner in
            inner.read(into: &read)
            if inner.mentions("judge"), !inner.has("judge") { read.judge = nil }
            inner.nested("judge") { judge in
                read.judge = ModelRoute(provider: judge.required("provider"), model: judge.required("model"))
            }
        }
        settings = read
    }

    /// A judge must not be a model that writes this minion's answers.
    static func check(_ settings: EvaluationSettings, _ minion: Minion, _ fields: inout RequestFields) {
        guard let judge = settings.judge, let refusal = EvaluationJudge.refusal(judge, minion) else { return }
        fields.fail("config.evaluation.judge", refusal)
    }
}
