import Domain
import Foundation
import Store

/// When and how a job is run, as a request says it.
enum JobPlanFields {
    static func read(_ fields: inout RequestFields, current: TrainingJob?) -> JobPlan {
        var plan = JobPlan()
        plan.priority = fields.integer("priority", JobPlan.priorities) ?? current?.priority ?? 0
        plan.retrainOnChange = fields.bool("retrain_on_change") ?? current?.retrainOnChange ?? false
        plan.retry = current?.retry
        fields.nested("retry") { inner in
            var retry = plan.retry ?? JobRetries()
            retry.maxAttempts = inner.integer("max_attempts", JobRetries.Bounds.maxAttempts) ?? retry.maxAttempts
            retry.backoffSeconds = inner.integer("backoff_seconds", JobRetries.Bounds.backoffSeconds) ?? retry.backoffSeconds
            plan.retry = retry
        }
        plan.schedule = fields.mentions("schedule") && !fields.has("schedule") ? nil : current?.schedule
        fields.nested("schedule") { inner in
            let schedule = JobSchedule(cron: inner.required("cron", length: 1...200), timeZone: inner.string("time_zone", length: 1...100) ?? "UTC")
            guard inner.problems.isEmpty else { return }
            do {
                if try schedule.next(after: Date()) == nil { inner.fail("cron", "names no time within the next eight years") }
                plan.schedule = schedule
            } catch { inner.fail(TimeZone(identifier: schedule.timeZone) == nil ? "time_zone" : "cron", "\(error)") }
        }
        return plan
    }
}
