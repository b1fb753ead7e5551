/** Moves and zooms the timeline (timeline.js), and tells what is under the pointer. */
;(({ canvas, show, showAll, zoom, pan, timeAt, at, plotWidth }) => {
  const tip = document.getElementById('tip')

  canvas.addEventListener(
    'wheel',
    (event) => {
      if (event.ctrlKey || event.metaKey) zoom(1.0015 ** event.deltaY, timeAt(event.offsetX))
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
        pan((event.deltaX || event.deltaY) / plotWidth())
      else return
      event.preventDefault()
    },
    { passive: false },
  )

  const fingers = new Map()
  canvas.addEventListener('pointerdown', (event) => {
    fingers.set(event.pointerId, event.offsetX)
    canvas.setPointerCapture(event.pointerId)
    tell(event)
  })
  canvas.addEventListener('pointermove', (event) => {
    const before = fingers.get(event.pointerId)
    if (before === undefined) return tell(event)
    const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, left]) => left)
    if (other === undefined) pan((before - event.offsetX) / plotWidth())
    else if (Math.abs(event.offsetX - other) > 8) {
      zoom(Math.abs(before - other) / Math.abs(event.offsetX - other), timeAt((event.offsetX + other) / 2))
    }
    fingers.set(event.pointerId, event.offsetX)
    if (event.offsetX !== before) tip.hidden = true
  })
  for (const end of ['pointerup', 'pointercancel'])
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId))
  canvas.addEventListener('pointerleave', () => {
    tip.hidden = true
  })
  canvas.addEventListener('dblclick', (event) => zoom(0.4, timeAt(event.offsetX)))
  canvas.addEventListener('keydown', (event) => {
    const moves = {
      ArrowLeft: () => pan(-0.25),
      ArrowRight: () => pan(0.25),
      '+': () => zoom(0.5),
      '-': () => zoom(2),
    }
    if (!(event.key in moves)) return
    moves[event.key]()
    event.preventDefault()
  })

  function tell({ offsetX, offsetY }) {
    const { row, words } = at(offsetX, offsetY)
    tip.hidden = !words
    if (!words) return
    tip.textContent = words
    const right = offsetX + 14
    const left = right + tip.offsetWidth > canvas.clientWidth ? offsetX - 14 - tip.offsetWidth : right
    const below = row.y + row.height + 4
    const top = below + tip.offsetHeight > canvas.clientHeight ? row.y - tip.offsetHeight - 4 : below
    tip.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`
  }

  for (const button of document.querySelectorAll('button[data-zoom]')) {
    const factor = Number(button.dataset.zoom)
    button.addEventListener('click', () => (factor === 0 ? showAll() : zoom(factor)))
  }
  for (const link of document.querySelectorAll('a[data-from]')) {
    link.addEventListener('click', () => {
      const [from, to] = [Number(link.dataset.from), Number(link.dataset.to)]
      const margin = Math.max(250, to - from)
      show(from - margin, to + margin)
    })
  }
})(timeline)
