// ECharts, as set-up unpacked it; imported only where a chart is drawn. The bundle's names are its builder's.
export { aS as echarts } from '../vendor/echarts-6-a67fedec.js'
