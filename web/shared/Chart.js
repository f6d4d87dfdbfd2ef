import { onBeforeUnmount, onMounted, ref, shallowRef, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { color, themeVersion } from '../lib/theme.js'

/** Colours and lines shared by all charts, as the theme has them now. */
function dressed(option) {
  const [ink, muted, line, raised] = ['--ink', '--muted', '--line', '--raised'].map(color)
  const font = getComputedStyle(document.body).fontFamily
  const axis = (own) =>
    own
      && {
        ...own, axisLine: { lineStyle: { color: line } }, axisTick: { show: false },
        splitLine: { show: own.type === 'value', lineStyle: { color: line } },
        axisLabel: { color: muted, fontSize: 11, ...own.axisLabel }, nameTextStyle: { color: muted, fontSize: 11 },
      }
  const each = (own) => (Array.isArray(own) ? own.map(axis) : axis(own))
  return {
    // Styles inside HTML are refused by the page's policy, so tooltips are drawn.
    tooltip: {
      renderMode: 'richText',
      backgroundColor: raised,
      borderColor: line,
      textStyle: { color: ink, fontSize: 12, fontFamily: font },
      ...option.tooltip,
    },
    animationDuration: 200, textStyle: { fontFamily: font, color: ink }, ...option,
    legend: option.legend
      && {
        textStyle: { color: muted, fontSize: 11 },
        itemWidth: 12,
        itemHeight: 8,
        icon: 'roundRect',
        ...option.legend,
      },
    xAxis: each(option.xAxis), yAxis: each(option.yAxis),
  }
}

/**
 * An ECharts chart. `make(color)` gives its option; `label` says what it shows to those who cannot see it.
 * The library is loaded when the first chart is drawn.
 */
export const Chart = {
  props: { make: Function, label: String, height: { type: Number, default: 220 } },
  setup(props) {
    const element = ref(null)
    const failed = shallowRef(null)
    let chart, watcher, isGone
    const draw = () => chart?.setOption(dressed(props.make(color)), { notMerge: true, lazyUpdate: true })
    onMounted(async () => {
      try {
        const { echarts } = await import('../lib/echarts.js')
        if (isGone) return
        chart = echarts.init(element.value, null, { renderer: 'canvas' })
        draw()
        watcher = new ResizeObserver(() => chart.resize())
        watcher.observe(element.value)
      } catch (error) { failed.value = error }
    })
    watch([() => props.make, themeVersion], draw)
    onBeforeUnmount(() => { isGone = true; watcher?.disconnect(); chart?.dispose() })
    return () => html`<div>
      ${failed.value && html`<p class="muted small">The chart could not be drawn: ${failed.value.message}</p>`}
      <div class="chart" ref=${element} role="img" aria-label=${props.label} style=${{ height: `${props.height}px` }}></div></div>`
  },
}
