// Draws a graph that Python has laid out, and tells Python which box was chosen. Arrows move, Enter opens or shows.

const SVG = "http://www.w3.org/2000/svg"
const views = new WeakMap() // by place on the page: where it was scrolled to, and the box that has the focus

function element(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  if (text !== undefined) made.textContent = text
  parent?.append(made)
  return made
}

function drawLine({ x1, y1, x2, y2, ends }, parent) {
  const middle = (y1 + y2) / 2
  const d = x1 === x2 ? `M${x1} ${y1}V${y2}` : `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`
  element("path", { d, class: "line", ...(ends ? { "marker-end": "url(#arrow)" } : {}) }, parent)
}

function drawBox(box, parent) {
  const classes = ["box", box.kind, ...box.marks].join(" ")
  const group = element("g", {
    class: classes, role: "button", tabindex: -1, "aria-label": box.label, transform: `translate(${box.x} ${box.y})`,
    "data-node": box.node, ...(box.is_group ? { "aria-expanded": box.is_open } : {}),
  }, parent)
  element("title", {}, group, box.hint)
  element("rect", { width: box.width, height: box.height, rx: box.kind === "input" || box.kind === "output" ? 14 : 6 }, group)
  if (box.strip) element("rect", { class: "strip", width: 5, height: box.height, style: `fill: ${box.strip}` }, group)
  const sign = box.is_group ? (box.is_open ? "▾ " : "▸ ") : ""
  element("text", { x: 11, y: 20 }, group, `${sign}${box.title}`)
  if (box.subtitle && !box.is_open) element("text", { x: 11, y: 37, class: "sub" }, group, box.subtitle)
  return group
}

export default function ({ parentElement: parent, data, setTriggerValue }) {
  const frame = parent.querySelector(".ts-graph")
  const view = views.get(parent) ?? { node: null, top: 0, left: null }
  views.set(parent, view)
  const hadFocus = frame.contains(frame.getRootNode().activeElement)
  const { drawing } = data
  frame.style.setProperty("--ts-height", `${data.height}px`)
  frame.setAttribute("aria-label", data.label)
  const svg = element("svg", { width: drawing.width, height: drawing.height, role: "group", "aria-label": data.label })
  const marker = element("marker", {
    id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: "auto",
  }, element("defs", {}, svg))
  element("path", { d: "M0 0L8 4L0 8Z", class: "head" }, marker)
  const below = drawing.boxes.filter((box) => box.is_open).map((box) => drawBox(box, svg)) // frames, under the lines
  for (const line of drawing.lines) drawLine(line, svg)
  const above = drawing.boxes.filter((box) => !box.is_open).map((box) => drawBox(box, svg))
  const boxes = [...below, ...above].sort((a, b) => {
    const [p, q] = [a, b].map((box) => drawing.boxes.findIndex((one) => one.node === Number(box.dataset.node)))
    return p - q
  })
  frame.replaceChildren(svg)
  frame.scrollTop = view.top
  frame.scrollLeft = view.left ?? (drawing.width - frame.clientWidth) / 2
  frame.onscroll = () => Object.assign(view, { top: frame.scrollTop, left: frame.scrollLeft })

  const focus = (index, really = true) => {
    const box = boxes[Math.max(0, Math.min(boxes.length - 1, index))]
    if (!box) return
    boxes.forEach((other) => other.setAttribute("tabindex", other === box ? 0 : -1))
    view.node = box.dataset.node
    if (really) box.focus()
  }
  const kept = boxes.findIndex((box) => box.dataset.node === view.node)
  focus(Math.max(0, kept), hadFocus)
  const acted = view.acted && boxes.find((box) => box.dataset.node === view.acted.node)
  if (acted) { // what was opened or closed stays where it was seen
    frame.scrollTop += acted.getBoundingClientRect().top - view.acted.top
    view.acted = null
  }

  const act = (box) => {
    view.acted = { node: box.dataset.node, top: box.getBoundingClientRect().top }
    setTriggerValue("act", Number(box.dataset.node))
  }
  svg.onclick = (event) => {
    const box = event.target.closest(".box")
    if (!box) return
    focus(boxes.indexOf(box))
    act(box)
  }
  svg.onkeydown = (event) => {
    const at = boxes.indexOf(event.target.closest(".box"))
    if (at < 0) return
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
    if (step) focus(at + step)
    else if (event.key === "Home") focus(0)
    else if (event.key === "End") focus(boxes.length - 1)
    else if (event.key === "Enter" || event.key === " ") act(boxes[at])
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  return () => views.delete(parent)
}
