// The editor: CodeMirror 6 as a Streamlit component. `build.sh` bundles this file and what it imports into editor.js.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands"
import { python } from "@codemirror/lang-python"
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language"
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint"
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search"
import { Compartment, EditorState, RangeSetBuilder, StateEffect, StateField } from "@codemirror/state"
import {
  Decoration, EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers,
} from "@codemirror/view"
import { classHighlighter } from "@lezer/highlight"

const IDLE_MS = 800 // Python hears of what is typed once the typing pauses
const SEVERITY = { guilty: "error", warned: "warning" }

const setLines = StateEffect.define()
const markedLines = StateField.define({
  create: () => Decoration.none,
  update: (lines, change) => {
    const told = change.effects.find((effect) => effect.is(setLines))
    return told ? told.value : lines.map(change.changes)
  },
  provide: (field) => EditorView.decorations.from(field),
})

// One editor for each place on the page; Streamlit calls the function below again whenever its data changes.
const editors = new WeakMap()

function mark(view, marks) {
  const doc = view.state.doc
  const lines = new RangeSetBuilder()
  const seen = new Set()
  const diagnostics = []
  for (const { line, kind, message } of [...marks].sort((a, b) => a.line - b.line)) {
    if (line < 1 || line > doc.lines) continue
    const { from, to, text } = doc.line(line)
    if (!seen.has(line)) lines.add(from, from, Decoration.line({ class: `ts-${kind}` }))
    seen.add(line)
    diagnostics.push({ from: from + text.length - text.trimStart().length, to, severity: SEVERITY[kind], message })
  }
  view.dispatch({ effects: setLines.of(lines.finish()) }, setDiagnostics(view.state, diagnostics))
  if (diagnostics.length) view.dispatch({ effects: EditorView.scrollIntoView(diagnostics[0].from, { y: "center" }) })
}

function create(parent, component) {
  const editor = { component, told: component.data.text, timer: null, readOnly: new Compartment() }
  const tell = () => {
    clearTimeout(editor.timer)
    const text = editor.view.state.doc.toString()
    if (text === editor.told) return
    editor.told = text
    editor.component.setStateValue("text", { text, revision: editor.revision })
  }
  const run = () => {
    clearTimeout(editor.timer)
    editor.told = editor.view.state.doc.toString()
    editor.component.setStateValue("text", { text: editor.told, revision: editor.revision })
    editor.component.setTriggerValue("run", true)
    return true
  }
  editor.view = new EditorView({
    parent: parent.querySelector(".ts-editor"),
    root: parent instanceof ShadowRoot ? parent : undefined,
    doc: component.data.text,
    extensions: [
      lineNumbers(),
      lintGutter(),
      history(),
      drawSelection(),
      indentOnInput(),
      indentUnit.of("    "),
      EditorView.lineWrapping,
      EditorState.tabSize.of(4),
      bracketMatching(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      search({ top: true }),
      markedLines,
      python(),
      syntaxHighlighting(classHighlighter),
      keymap.of([
        { key: "Mod-Enter", run, stopPropagation: true, preventDefault: true },
        indentWithTab, ...searchKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap,
      ]),
      EditorView.contentAttributes.of({ "aria-label": component.data.label, "aria-multiline": "true" }),
      editor.readOnly.of(EditorState.readOnly.of(component.data.read_only)),
      EditorView.domEventHandlers({ blur: () => tell() }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged || editor.replacing) return
        clearTimeout(editor.timer)
        editor.timer = setTimeout(tell, IDLE_MS)
      }),
    ],
  })
  editor.revision = component.data.revision
  return editor
}

export default function (component) {
  const { parentElement: parent, data } = component
  let editor = editors.get(parent)
  if (!editor) {
    editor = create(parent, component)
    editors.set(parent, editor)
  }
  editor.component = component
  if (editor.revision !== data.revision) { // Python has put another text in place of the one that was edited
    clearTimeout(editor.timer)
    editor.revision = data.revision
    editor.told = data.text
    editor.replacing = true
    editor.view.dispatch({ changes: { from: 0, to: editor.view.state.doc.length, insert: data.text } })
    editor.replacing = false
    editor.marks = undefined
  }
  parent.querySelector(".ts-editor").style.setProperty("--ts-height", `${data.height}px`)
  editor.view.dispatch({ effects: editor.readOnly.reconfigure(EditorState.readOnly.of(data.read_only)) })
  const marks = JSON.stringify(data.marks)
  if (marks !== editor.marks) {
    editor.marks = marks
    mark(editor.view, data.marks)
  }
  return () => {
    clearTimeout(editor.timer)
    editor.view.destroy()
    editors.delete(parent)
  }
}
