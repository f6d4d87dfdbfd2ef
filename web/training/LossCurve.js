import { computed } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { fixed } from '../lib/format.js'
import { Chart } from '../shared/Chart.js'

/** Loss of training and of held-out replies by step, as it comes in. */
export const LossCurve = {
  props: { training: Object },
  setup(props) {
    const make = computed(() => {
      // Copied here, so that the chart is drawn again when points arrive.
      const [train, validation] = [[...props.training.train], [...props.training.validation]]
      return (color) => ({
        grid: { left: 44, right: 16, top: 30, bottom: 28 },
        legend: { top: 0, left: 0, data: ['Training', 'Held-out replies'] },
        tooltip: { trigger: 'axis', valueFormatter: (value) => (value === undefined ? '–' : fixed(value, 3)) },
        xAxis: {
          type: 'value',
          name: 'step',
          nameGap: 4,
          min: 0,
          max: props.training.steps ?? undefined,
          minInterval: 1,
          splitLine: { show: false },
        },
        yAxis: { type: 'value', scale: true, axisLabel: { formatter: (value) => fixed(value, 1) } }, animation: false,
        series: [
          {
            name: 'Training',
            type: 'line',
            data: train,
            showSymbol: train.length < 3,
            lineStyle: { width: 1.8 },
            color: color('--arm-knowledge'),
          },
          {
            name: 'Held-out replies',
            type: 'line',
            data: validation,
            symbol: 'circle',
            symbolSize: 8,
            lineStyle: { width: 1.8, type: 'dashed' },
            color: color('--arm-voice'),
          },
        ],
      })
    })
    const label = computed(() => {
      const last = (curve) => curve[curve.length - 1]
      const { train, validation } = props.training
      const training = train.length
        ? `${fixed(train[0][1], 2)} at first, ${fixed(last(train)[1], 2)} at step ${last(train)[0]}`
        : 'nothing yet'
      const heldOut = validation.map(([step, loss]) => `${fixed(loss, 2)} at step ${step}`).join(', ') || 'nothing yet'
      return `Loss by step. Training: ${training}. Held-out replies: ${heldOut}.`
    })
    return () => html`<${Chart} make=${make.value} label=${label.value} height=${230} />`
  },
}
