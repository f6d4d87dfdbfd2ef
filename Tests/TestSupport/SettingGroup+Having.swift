import Domain

extension SettingGroup {
    /// With all defaults but what `change` sets.
    public static func having(_ change: (inout Self) -> Void) -> Self {
        var group = Self()
        change(&group)
        return group
    }
}
