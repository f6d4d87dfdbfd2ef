import Domain
import LocalModels
import Store

/// Who may judge a minion's answers.
public enum EvaluationJudge {
    /// Why a model must not: it would know its own hand. Models are compared by name, whoever offers them.
    /// - Returns: nil where it may.
    public static func refusal(_ judge: ModelRoute, _ minion: Minion) -> String? {
        // The local model writes drafts and restyled text.
        let writers = [minion.modelID, EnginePaths.baseModelName] + minion.fallbacks.map(\.model)
        guard judge.provider != "local", !writers.contains(where: { name($0) == name(judge.model) }) else {
            return "\"\(judge.model)\" writes answers of this minion and must not judge them: name another model"
        }
        return nil
    }

    /// `openai/gpt-4o` of one vendor is `gpt-4o` of another.
    private static func name(_ model: String) -> String { String(model.lowercased().split(separator: "/").last ?? "") }
}
