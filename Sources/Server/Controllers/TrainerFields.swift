import Domain
import Store

/// The trainer's options in a job's `config`. What is absent keeps its value; where that can be nothing, `null` says so.
enum TrainerFields {
    private typealias Bounds = TrainingConfig.Bounds

    static func read(_ fields: inout RequestFields, _ config: inout TrainingConfig) {
        if fields.mentions("base_model") { config.baseModel = fields.string("base_model", length: 1...200) }
        config.useRSLoRA = fields.bool("use_rslora") ?? config.useRSLoRA
        config.useDoRA = fields.bool("use_dora") ?? config.useDoRA
        config.lrSchedule = fields.choice("lr_schedule", TrainingConfig.LearningRateSchedule.self) ?? config.lrSchedule
        if fields.mentions("warmup") { config.warmup = fields.number("warmup", Bounds.warmup) }
        config.weightDecay = fields.number("weight_decay", Bounds.weightDecay) ?? config.weightDecay
        config.maxGradNorm = fields.number("max_grad_norm", Bounds.maxGradNorm) ?? config.maxGradNorm
        if fields.mentions("max_steps") { config.maxSteps = fields.integer("max_steps", Bounds.maxSteps) }
        if fields.mentions("batch_tokens") { config.batchTokens = fields.integer("batch_tokens", Bounds.batchTokens) }
        config.gradientAccumulation = fields.integer("gradient_accumulation", Bounds.gradientAccumulation) ?? config.gradientAccumulation
        config.gradientCheckpointing = fields.bool("gradient_checkpointing") ?? config.gradientCheckpointing
        if fields.mentions("evaluate_every") { config.evaluateEvery = fields.integer("evaluate_every", Bounds.evaluateEvery) }
        if fields.mentions("patience") { config.patience = fields.integer("patience", Bounds.patience) }
        config.keepBest = fields.bool("keep_best") ?? config.keepBest
        config.loadIn4Bit = fields.bool("load_in_4bit") ?? config.loadIn4Bit
        config.device = fields.choice("device", TrainingConfig.Device.self) ?? config.device
        config.processes = fields.integer("processes", Bounds.processes) ?? config.processes
        readModules(&fields, &config)
        if config.lrSchedule == .constant, config.warmup ?? 0 > 0 {
            fields.fail("warmup", "has no effect with lr_schedule constant", hint: "choose constant_with_warmup")
        }
        if config.loadIn4Bit, config.device == .cpu || config.device == .mps {
            fields.fail("load_in_4bit", "needs a CUDA device, not \(config.device.rawValue)", hint: "leave it out, or set device to auto or cuda")
        }
    }

    private static func readModules(_ fields: inout RequestFields, _ config: inout TrainingConfig) {
        guard let names = fields.textOrTexts("target_modules") else { return }
        if names == ["all-linear"] {
            config.targetModules = .allLinear
        } else if names.isEmpty || !names.allSatisfy({ $0.wholeMatch(of: /[A-Za-z0-9_.]{1,100}/) != nil }) {
            fields.fail("target_modules", "must be all-linear or names of modules, such as q_proj and v_proj")
        } else {
            config.targetModules = .named(names)
        }
    }
}
