import { get } from './api.js'
import { isoDay, zone } from './format.js'

export const ranges = [['7', '7 days'], ['30', '30 days'], ['90', '90 days']]
export const groups = [['minion', 'Minion'], ['provider', 'Provider'], ['model', 'Model'], ['key', 'Key']]

/** The last so many days of the viewer's zone, oldest first. */
export const lastDays = (count) => Array.from({ length: count }, (_, index) => {
  const day = new Date()
  day.setDate(day.getDate() - (count - 1 - index))
  return isoDay(day)
})

/** The reports a usage screen shows: by day and group, by day, by group. */
export async function usageReports(path, days, group) {
  const ask = async (group_by) => (await get(path, { from: days[0], to: days[days.length - 1], tz: zone(), group_by })).report.rows
  const [rows, daily, totals] = await Promise.all([ask(`day,${group}`), ask('day'), ask(group)])
  return { rows, daily, totals, days, group }
}
