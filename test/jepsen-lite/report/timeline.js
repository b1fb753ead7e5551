/** The timeline of the report: runs in the reader's browser, draws the chronicle (chronicle.ts) on a canvas; moves.js moves it. */
// biome-ignore lint/correctness/noUnusedVariables: moves.js is the next script of the page.
const timeline = (() => {
  const chronicle = JSON.parse(document.getElementById('chronicle').textContent)
  const canvas = document.querySelector('canvas')
  const range = document.getElementById('range')
  const context = canvas.getContext('2d')
  const MIN_SPAN_MS = 5
  const HOLD_COLORS = 6
  const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500].flatMap((ms) => [ms, ms * 1000, ms * 1e6]).sort((a, b) => a - b)
  const view = { from: 0, to: Math.max(MIN_SPAN_MS, chronicle.durationMs) }
  let colors = {}
  let width = 0
  let gutter = 0
  let rows = []

  // What is drawn: rows from top to bottom, each with what it says about a moment.

  function layOut() {
    width = canvas.clientWidth
    gutter = width < 600 ? 92 : 164
    const faults = faultLanes()
    rows = [
      { height: 28, draw: drawTicks },
      ...chronicle.nodes.map((node) => ({ height: 26, label: node.name, draw: drawNode(node), tell: tellNode(node) })),
      { height: 8 },
      ...faults.map((lane, index) => ({
        height: 20,
        label: index === 0 ? 'faults' : '',
        draw: drawFaults(lane),
        tell: tellFault(lane),
      })),
      { height: 10 },
      { height: 66, label: 'grants/s', draw: drawGrants, drawAxis: drawGrantsAxis, tell: tellGrants },
      ...['acquire', 'release'].map((f) => ({
        height: 88,
        label: f,
        draw: drawLatency(f),
        drawAxis: drawLatencyAxis(f),
        tell: tellLatency(f),
      })),
      { height: 10 },
      ...chronicle.locks.map((lock, index) => ({
        height: 22,
        label: lock.name,
        heading: chronicle.locks[index - 1]?.workload !== lock.workload,
        draw: drawHolds(lock),
        tell: tellHold(lock),
      })),
      { height: 8 },
    ]
    let y = 0
    for (const row of rows) {
      row.y = y
      y += row.height
    }
    const ratio = window.devicePixelRatio || 1
    canvas.style.height = `${y}px`
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(y * ratio)
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const style = getComputedStyle(document.documentElement)
    const color = (name) => style.getPropertyValue(`--${name}`).trim()
    colors = Object.fromEntries(
      ['ink', 'quiet', 'line', 'card', 'accent', 'lead', 'up', 'paused', 'down', 'fault', 'bad'].map((name) => [
        name,
        color(name),
      ]),
    )
    colors.holds = Array.from({ length: HOLD_COLORS }, (_, index) => color(`hold-${index + 1}`))
    draw()
  }

  /** Faults that overlap get lanes of their own. */
  function faultLanes() {
    const lanes = []
    for (const fault of chronicle.faults) {
      const lane = lanes.find((others) => others.at(-1).to <= fault.from)
      if (lane) lane.push(fault)
      else lanes.push([fault])
    }
    return lanes
  }

  const x = (ms) => gutter + ((ms - view.from) / (view.to - view.from)) * (width - gutter - 8)
  const timeAt = (px) => view.from + ((px - gutter) / (width - gutter - 8)) * (view.to - view.from)
  const isVisible = ({ from, to }) => to >= view.from && from <= view.to

  function draw() {
    const height = rows.at(-1).y + rows.at(-1).height
    context.clearRect(0, 0, width, height)
    context.font = '12px system-ui, sans-serif'
    context.textBaseline = 'middle'
    context.save()
    clip(0, height)
    for (const fault of chronicle.faults.filter(isVisible)) {
      context.globalAlpha = 0.09
      bar(x(fault.from), x(fault.to), 28, height - 28, colors.fault)
    }
    context.restore()
    for (const row of rows) {
      if (row.label) text(shorten(row.label, gutter - 16, 4), 12, row.y + Math.min(row.height, 26) / 2, colors.ink)
      if (row.heading && row.y > 40) line(0, width, row.y, colors.line)
      if (!row.draw) continue
      context.save()
      clip(row.y, row.height)
      row.draw(row.y, row.height)
      context.restore()
      row.drawAxis?.(row.y, row.height)
    }
    line(gutter, gutter, 0, colors.line, height)
    const seconds = (ms) => (ms / 1000).toFixed(view.to - view.from < 2000 ? 3 : 1)
    range.textContent = `${seconds(view.from)} to ${seconds(view.to)} s`
  }

  function clip(y, height) {
    context.beginPath()
    context.rect(gutter, y, width - gutter, height)
    context.clip()
  }

  function line(x1, x2, y1, color, y2 = y1) {
    context.strokeStyle = color
    context.lineWidth = 1
    context.beginPath()
    context.moveTo(x1, y1 + 0.5)
    context.lineTo(x2, y2 + 0.5)
    context.stroke()
  }

  function text(words, left, y, color, align = 'left') {
    context.fillStyle = color
    context.textAlign = align
    context.fillText(words, left, y)
  }

  /** `kept`: how many letters at the end stay, where the end tells names apart. */
  function shorten(words, room, kept = 0) {
    const end = kept === 0 ? '' : words.slice(-kept)
    let short = words
    for (let length = words.length - kept; length > 0 && context.measureText(short).width > room; length--) {
      short = `${words.slice(0, length - 1)}…${end}`
    }
    return short
  }

  /** Words in a bar, kept in sight while the bar is. */
  function textInBar(words, from, to, y, color) {
    const left = Math.max(from, gutter) + 5
    const short = shorten(words, Math.min(to, width) - left - 4)
    if (short === words || short.length > 5) text(short, left, y, color)
  }

  function drawTicks(y, height) {
    const room = (view.to - view.from) / ((width - gutter) / 84)
    const step = TICKS.find((ms) => ms >= room) ?? TICKS.at(-1)
    for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) {
      line(x(at), x(at), y + height - 5, colors.quiet, y + height)
      const label = step < 1000 ? `${(at / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : 1)} s` : `${at / 1000} s`
      text(label, x(at) + 3, y + 12, colors.quiet)
    }
  }

  const drawNode =
    ({ states, terms }) =>
    (y) => {
      const middle = y + 13
      const inView = states.filter(isVisible)
      for (const { from, to, state } of inView) {
        if (state === 'down') drawDown(x(from), x(to), middle)
        else bar(x(from), x(to), middle - 3, 6, colors.up)
      }
      for (const { from, to, term } of terms.filter(isVisible)) {
        bar(x(from), x(to), y + 5, 16, colors.lead)
        textInBar(x(to) - x(from) > 64 ? `term ${term}` : String(term), x(from), x(to), middle, colors.card)
      }
      // Who is paused may still be the leader.
      for (const { from, to, state } of inView) if (state === 'paused') hatch(x(from), x(to), y + 6, 14)
    }

  function bar(left, right, y, height, color) {
    context.fillStyle = color
    context.fillRect(left, y, Math.max(2, right - left), height)
  }

  function drawDown(left, right, middle) {
    context.setLineDash([3, 3])
    line(left, right, middle, colors.quiet)
    context.setLineDash([])
    if (right - left < 52) return
    bar(left + 8, left + 46, middle - 7, 14, colors.card)
    text('down', left + 12, middle, colors.quiet)
  }

  function hatch(left, right, y, height) {
    context.save()
    context.beginPath()
    context.rect(left, y, Math.max(2, right - left), height)
    context.clip()
    context.strokeStyle = colors.paused
    context.lineWidth = 2.5
    context.beginPath()
    for (let at = Math.max(left, gutter) - height; at < Math.min(right, width); at += 7) {
      context.moveTo(at, y + height)
      context.lineTo(at + height, y)
    }
    context.stroke()
    context.restore()
  }

  const drawFaults = (lane) => (y) => {
    for (const { fault, from, to } of lane.filter(isVisible)) {
      const [left, right] = [x(from), x(to)]
      context.globalAlpha = 0.28
      bar(left, right - 1, y + 2, 16, colors.fault)
      context.globalAlpha = 1
      bar(left, left, y + 2, 16, colors.fault)
      textInBar(fault, left + 1, right, y + 10, colors.ink)
    }
  }

  const { rates } = chronicle
  const stepsInView = () => {
    const first = Math.max(0, Math.floor(view.from / rates.stepMs))
    const last = Math.min(rates.grants.length - 1, Math.floor(view.to / rates.stepMs))
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
  }
  const perSecond = (number) => (number * 1000) / rates.stepMs

  const mostGrants = Math.max(1, ...rates.grants)

  function drawGrants(y, height) {
    for (const step of stepsInView()) {
      const [left, right] = [x(step * rates.stepMs), x((step + 1) * rates.stepMs)]
      const size = (rates.grants[step] / mostGrants) * (height - 14)
      bar(left, right - 1, y + height - 4 - size, size, colors.up)
    }
    line(gutter, width, y + height - 4, colors.line)
  }

  function drawGrantsAxis(y) {
    text(`${Math.round(perSecond(mostGrants))}`, gutter - 6, y + 11, colors.quiet, 'right')
  }

  /** From a millisecond to the slowest, a line for each power of ten. */
  function latencyScale(f) {
    const slowest = Math.max(10, ...rates[`${f}P99`].filter((ms) => ms !== null))
    const decades = Math.ceil(Math.log10(slowest))
    const level = (y, height) => (ms) => y + height - 10 - (Math.log10(Math.max(1, ms)) / decades) * (height - 22)
    return { level, powers: Array.from({ length: decades + 1 }, (_, power) => power) }
  }

  const drawLatency = (f) => (y, height) => {
    const { level, powers } = latencyScale(f)
    for (const power of powers) line(gutter, width, level(y, height)(10 ** power), colors.line)
    curve(rates[`${f}P99`], level(y, height), colors.fault, 1.5, [4, 3])
    curve(rates[`${f}P50`], level(y, height), colors.accent, 2, [])
  }

  const drawLatencyAxis = (f) => (y, height) => {
    const { level, powers } = latencyScale(f)
    for (const power of powers) {
      // Narrow screens have the name of the row there.
      if (gutter < 120 && level(y, height)(10 ** power) < y + 20) continue
      const label = power < 3 ? `${10 ** power} ms` : `${10 ** (power - 3)} s`
      text(label, gutter - 6, level(y, height)(10 ** power), colors.quiet, 'right')
    }
  }

  function curve(values, level, color, thickness, dash) {
    context.strokeStyle = color
    context.fillStyle = color
    context.lineWidth = thickness
    context.setLineDash(dash)
    context.beginPath()
    let before = null
    for (const [step, value] of values.entries()) {
      const at = x((step + 0.5) * rates.stepMs)
      if (value !== null && before === null && (values[step + 1] ?? null) === null)
        context.fillRect(at - 2, level(value) - 2, 4, 4)
      if (value !== null && before === null) context.moveTo(at, level(value))
      else if (value !== null) context.lineTo(at, level(value))
      before = value
    }
    context.stroke()
    context.setLineDash([])
  }

  /** The first hold that may be in sight: holds are in order of time. */
  function firstVisible(holds) {
    let [low, high] = [0, holds.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (holds[middle][0] + holds[middle][1] < view.from) low = middle + 1
      else high = middle
    }
    return low
  }

  const drawHolds =
    ({ holds }) =>
    (y) => {
      line(gutter, width, y + 11, colors.line)
      let drawnTo = Number.NEGATIVE_INFINITY
      for (let index = firstVisible(holds); index < holds.length && holds[index][0] <= view.to; index++) {
        const [from, length, who] = holds[index]
        const [left, right] = [x(from), Math.max(x(from + length), x(from) + 1)]
        if (right < drawnTo + 0.7) continue
        drawnTo = right
        context.fillStyle = who < 0 ? colors.quiet : colors.holds[who % HOLD_COLORS]
        context.fillRect(left, y + 4, Math.max(1, right - left - (right - left > 3 ? 1 : 0)), 14)
        if (right - left > 34) textInBar(who < 0 ? `${-who} holds` : `client ${who}`, left, right, y + 11, colors.card)
      }
    }

  // What a moment of a row has to tell.

  const shown = (ms) => (ms < 1000 ? `${Number(ms.toFixed(1))} ms` : `${(ms / 1000).toFixed(2)} s`)
  const second = (ms) => `${(ms / 1000).toFixed(3)} s`
  const spanAt = (spans, ms) => spans.findLast(({ from, to }) => from <= ms && ms <= to)

  const tellNode =
    ({ name, states, terms }) =>
    (ms) => {
      const [state, term] = [spanAt(states, ms), spanAt(terms, ms)]
      return (
        state &&
        `${name} ${state.state}${term ? `, leads term ${term.term}` : ''}\nfrom ${second((term ?? state).from)} for ${shown((term ?? state).to - (term ?? state).from)}`
      )
    }

  const tellFault = (lane) => (ms) => {
    const fault = spanAt(lane, ms)
    return fault && `${fault.fault}: ${fault.target}\nfrom ${second(fault.from)} for ${shown(fault.to - fault.from)}`
  }

  function tellGrants(ms) {
    const step = Math.floor(ms / rates.stepMs)
    if (!(step in rates.grants)) return undefined
    return `${perSecond(rates.grants[step]).toFixed(0)} grants/s\n${rates.unknown[step]} operations of unknown outcome`
  }

  const tellLatency = (f) => (ms) => {
    const step = Math.floor(ms / rates.stepMs)
    const [p50, p99] = [rates[`${f}P50`][step], rates[`${f}P99`][step]]
    const words = f === 'acquire' ? 'acquire, with the wait for others' : 'release'
    return p50 == null ? `${words}: none` : `${words}\np50 ${shown(p50)} (line)\np99 ${shown(p99)} (dashed)`
  }

  const tellHold =
    ({ name, holds }) =>
    (ms) => {
      const near = 3 / ((width - gutter) / (view.to - view.from))
      const hold = holds.findLast(([from, length]) => from - near <= ms && ms <= from + length + near)
      if (!hold) return undefined
      const [from, length, who, token] = hold
      if (who < 0) return `${name}: ${-who} short holds\nfrom ${second(from)} for ${shown(length)}`
      const number = token === undefined ? '' : `\ntoken ${chronicle.firstToken + token}`
      return `${name}: client ${who}\nfrom ${second(from)} for ${shown(length)}${number}`
    }

  // How it is moved.

  function show(from, to) {
    const span = Math.min(Math.max(to - from, MIN_SPAN_MS), Math.max(MIN_SPAN_MS, chronicle.durationMs))
    view.from = Math.max(0, Math.min(from, chronicle.durationMs - span))
    view.to = view.from + span
    requestAnimationFrame(draw)
  }

  function zoom(factor, center = (view.from + view.to) / 2) {
    show(center - (center - view.from) * factor, center + (view.to - center) * factor)
  }

  /** `share`: of the time in view. */
  function pan(share) {
    const span = view.to - view.from
    show(view.from + share * span, view.to + share * span)
  }

  /** What there is at this place, and the row that it belongs to. */
  function at(left, top) {
    const row = rows.find(({ y, height }) => top >= y && top < y + height)
    return { row, words: left < gutter ? undefined : row?.tell?.(timeAt(left)) }
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', layOut)
  new ResizeObserver(() => canvas.clientWidth !== width && layOut()).observe(canvas)
  layOut()
  return {
    canvas,
    show,
    showAll: () => show(0, chronicle.durationMs),
    zoom,
    pan,
    timeAt,
    at,
    plotWidth: () => width - gutter - 8,
  }
})()
