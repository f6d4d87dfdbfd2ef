import Domain
import Store

/// What of the trainer's options in a job's `config` must fit together.
enum TrainerFields {
    static func check(_ fields: inout RequestFields, _ config: inout TrainingConfig) {
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
