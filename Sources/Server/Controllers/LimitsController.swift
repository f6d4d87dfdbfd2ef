import Calls
import Domain
import Foundation
import Hummingbird
import Store

/// `/api/users/{user_id}/limits`: what limits the user, and the limits users set for themselves, their
/// minions and their keys. None of these can lift what a superuser has set: all are checked.
struct LimitsController: Sendable {
    let store: Store
    let meter: Meter

    private struct Body: Encodable {
        var settings: Limits
        var unpricedRequests: Int
        var limits: [LimitUse]
        var minions: [LimitReport]
        var keys: [LimitReport]
    }

    func routes(_ group: RouterGroup<OwnerContext>) {
        group.get(use: show)
        group.put { request, context in try await set(request, context, .own) }
        group.get("minions/{minion_id}") { request, context in try await show(context, .minion(context.parameters.require("minion_id"))) }
        group.put("minions/{minion_id}") { request, context in try await set(request, context, .minion(context.parameters.require("minion_id"))) }
        group.get("keys/{key_id}") { request, context in try await show(context, .key(context.parameters.require("key_id"))) }
        group.put("keys/{key_id}") { request, context in try await set(request, context, .key(context.parameters.require("key_id"))) }
    }

    @Sendable func show(_ request: Request, context: OwnerContext) async throws -> Response {
        let report = try await meter.report(user: context.owner)
        return .json(
            Body(
                settings: report.user.settings, unpricedRequests: report.user.unpricedRequests, limits: report.user.limits, minions: report.minions,
                keys: report.keys))
    }

    private func show(_ context: OwnerContext, _ target: LimitTarget) async throws -> Response {
        try await store.user(context.owner).requireLimitTarget(target)
        return .json(try await meter.report(user: context.owner, target))
    }

    private func set(_ request: Request, _ context: OwnerContext, _ target: LimitTarget) async throws -> Response {
        let rows = store.user(context.owner)
        try await rows.requireLimitTarget(target)
        var fields = try await RequestFields(request, context: context)
        let limits = LimitFields.read(&fields, for: target)
        try fields.finish()
        try await rows.setLimits(limits, for: target)
        meter.limitsChanged()
        return target == .own ? try await show(request, context: context) : try await show(context, target)
    }
}

/// `/api/admin/limits` and `/api/admin/users/{user_id}/limits`.
struct AdminLimitsController: Sendable {
    let store: Store
    let meter: Meter

    func routes(_ group: RouterGroup<AdminContext>) {
        group.get("limits") { _, _ in Response.json(Self.reply(defaults: try await store.limits.defaults())) }
        group.put("limits", use: setDefaults)
        group.get("users/{user_id}/limits", use: show)
        group.put("users/{user_id}/limits", use: set)
    }

    @Sendable func setDefaults(_ request: Request, context: AdminContext) async throws -> Response {
        var fields = try await RequestFields(request, context: context)
        let limits = LimitFields.read(&fields, for: .own)
        fields.ignore(["in_force"])
        try fields.finish()
        try await store.limits.setDefaults(limits)
        meter.limitsChanged()
        return .json(Self.reply(defaults: limits))
    }

    @Sendable func show(_ request: Request, context: AdminContext) async throws -> Response {
        let user = try context.parameters.require("user_id")
        try await store.user(user).requireLimitTarget(.user)
        return .json(Self.reply(of: try await store.user(user).limitSettings()))
    }

    @Sendable func set(_ request: Request, context: AdminContext) async throws -> Response {
        let user = try context.parameters.require("user_id")
        let rows = store.user(user)
        try await rows.requireLimitTarget(.user)
        var fields = try await RequestFields(request, context: context)
        let limits = LimitFields.read(&fields, for: .user)
        fields.ignore(["in_force"])
        try fields.finish()
        try await rows.setLimits(limits, for: .user)
        meter.limitsChanged()
        return .json(Self.reply(of: try await rows.limitSettings()))
    }

    /// What is set, and beside it what holds: where nothing is set the built-in limits do. A reply may be sent back with changes.
    private struct Body: Encodable {
        var settings: Limits
        var inForce: Limits

        enum CodingKeys: CodingKey { case inForce }

        func encode(to encoder: any Encoder) throws {
            try settings.encode(to: encoder)
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(inForce, forKey: .inForce)
        }
    }

    private static func reply(defaults: Limits) -> Body {
        var settings = LimitSettings()
        settings.defaults = defaults
        return Body(settings: defaults, inForce: settings.inForce)
    }

    private static func reply(of settings: LimitSettings) -> Body { Body(settings: settings.user, inForce: settings.inForce) }
}
