import Foundation
import Testing

@testable import Domain

@Suite struct TrainingConfigTests {
    private static func options(_ config: TrainingConfig) throws -> [String: String] {
        let object = try #require(try JSONSerialization.jsonObject(with: JSONEncoder().encode(config)) as? [String: Any])
        return object.mapValues { "\($0)" }
    }

    /// What a job was made with is what it is started with, be it a year later.
    @Test func everyOptionIsKept() throws {
        var config = TrainingConfig()
        config.baseModel = "m"
        config.targetModules = .named(["q_proj", "v_proj"])
        config.useRSLoRA = true
        config.useDoRA = true
        config.lrSchedule = .constantWithWarmup
        config.warmup = 0.25
        config.weightDecay = 0.5
        config.maxGradNorm = 2
        config.maxSteps = 9
        config.batchTokens = 999
        config.gradientAccumulation = 3
        config.gradientCheckpointing = true
        config.evaluateEvery = 7
        config.patience = 2
        config.keepBest = false
        config.loadIn4Bit = true
        config.device = .cuda
        config.processes = 2
        let written = try JSONEncoder().encode(config)
        #expect(try JSONDecoder().decode(TrainingConfig.self, from: written) == config)
        let (changed, standard) = (try Self.options(config), try Self.options(TrainingConfig()))
        let options = [
            "base_model", "target_modules", "use_rslora", "use_dora", "lr_schedule", "warmup", "weight_decay", "max_grad_norm", "max_steps",
            "batch_tokens", "gradient_accumulation", "gradient_checkpointing", "evaluate_every", "patience", "keep_best", "load_in_4bit", "device",
            "processes",
        ]
        for option in options { #expect(changed[option] != nil && changed[option] != standard[option], "\(option)") }
    }

    @Test func aConfigurationOfAnEarlierVersionHasTheDefaults() throws {
        let earlier = Data(#"{"rank":4,"epochs":3}"#.utf8)
        var expected = TrainingConfig()
        expected.rank = 4
        expected.epochs = 3
        #expect(try JSONDecoder().decode(TrainingConfig.self, from: earlier) == expected)
        #expect(expected.targetModules == .allLinear && expected.keepBest && expected.processes == 1)
    }
}
