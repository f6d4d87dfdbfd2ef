import Answers
import Domain
import Providers
import Store

/// What paraphrases may cost, and what they have cost in this run of the job. Every call's most is set
/// aside before it is made, so that calls at the same time cannot overspend together.
actor Purse {
    /// Nil where nothing costs anything.
    private let budget: Double?
    private let price: Price?
    private let step: String
    private var spent = 0.0
    /// Set aside for calls under way.
    private var reserved = 0.0
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// - Throws: ``JobFailure`` where money is asked for that nobody agreed to, or whose sum nobody knows.
    init(_ paraphraser: Paraphraser, _ minion: Minion, _ config: TrainingConfig, _ answers: AnswerPipeline, step: String) async throws {
        self.step = step
        guard paraphraser != .base else {
            (budget, price) = (nil, nil)
            return
        }
        guard let agreed = config.restyleBudget else {
            throw JobFailure(
                step: step, code: .restyleBudgetMissing, message: "paraphrases by \(paraphraser) cost money, and the job has no restyle_budget",
                hint: "set restyle_budget (US dollars), or restyle_paraphraser to base")
        }
        guard let price = try await answers.price(minion) else {
            throw JobFailure(
                step: step, code: .priceUnknown, message: "what \(paraphraser) costs is not known, so no budget can be kept",
                hint: "write its price on the provider key, or set restyle_paraphraser to base")
        }
        budget = agreed
        self.price = price
    }

    /// - Throws: ``JobFailure`` where the budget does not allow it; what `call` throws.
    nonisolated func pay(for piece: String, _ call: @Sendable () async throws -> (text: String, cost: Double?)) async throws -> String {
        let most = try await take(piece)
        do {
            let made = try await call()
            await settle(most, made.cost)
            return made.text
        } catch {
            // What a failed call cost is in the usage records; here the most counts, to be safe.
            await settle(most, nil)
            throw error
        }
    }

    private func take(_ piece: String) async throws -> Double {
        guard let budget, let price else { return 0 }
        let most = price.most(Paraphraser.estimate(bytes: piece.utf8.count))
        while spent + reserved + most > budget {
            // What is under way will cost less than its most.
            guard reserved > 0 else {
                throw JobFailure(
                    step: step, code: .restyleBudgetSpent,
                    message:
                        "the paraphrases of this run have cost $\(spent.dollars) of restyle_budget $\(budget.dollars), and the next may cost $\(most.dollars)",
                    hint: "raise restyle_budget and start the job again: the paraphrases that are there are kept, and are not paid for again")
            }
            await withCheckedContinuation { waiters.append($0) }
            try Task.checkCancellation()
        }
        reserved += most
        return most
    }

    private func settle(_ most: Double, _ cost: Double?) {
        // Sums of doubles; nothing under way is exactly nothing.
        reserved = max(0, reserved - most) < 1e-12 ? 0 : reserved - most
        spent += cost ?? most
        for waiter in waiters { waiter.resume() }
        waiters = []
    }
}

extension Double {
    /// To a hundredth of a cent, or as small as it is.
    var dollars: String { self >= 0.0001 || self == 0 ? "\((self * 10_000).rounded() / 10_000)" : "\(self)" }
}
