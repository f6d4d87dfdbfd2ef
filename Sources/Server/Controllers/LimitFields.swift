import Calls
import Domain
import Store

/// Limits as a request's fields. A field that is left out sets no limit.
enum LimitFields {
    static func read(_ fields: inout RequestFields, for target: LimitTarget) -> Limits {
        var limits = Limits()
        for name in LimitName.allCases where name.applies(to: target) {
            switch name {
            case .costPerDay, .costPerMonth: limits[name] = fields.number(name.rawValue, 0...1_000_000_000)
            case .storageBytes: limits.storageBytes = fields.integer(name.rawValue, 0...(1 << 50))
            default: limits[name] = fields.integer(name.rawValue, 0...1_000_000_000_000).map(Double.init)
            }
        }
        limits.unpriced = fields.choice("unpriced", Limits.Unpriced.self)
        if target == .user, let unlimited = fields.strings("unlimited") {
            for (index, name) in unlimited.enumerated() {
                if LimitName(rawValue: name) == nil {
                    fields.fail("unlimited[\(index)]", "must be one of \(LimitName.allCases.map(\.rawValue).joined(separator: ", "))")
                } else if limits[LimitName(rawValue: name)!] != nil {
                    fields.fail("unlimited[\(index)]", "\(name) is given a value too")
                }
            }
            limits.unlimited = unlimited.isEmpty ? nil : unlimited
        }
        return limits
    }

    static func name(_ target: LimitTarget) -> String? {
        switch target {
        case .user, .own: nil
        case .minion(let id), .key(let id): id
        }
    }
}
