/** The code editor: CodeMirror in the colours of the console, one state per open file. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { markdown } from "@codemirror/lang-markdown";
import { python } from "@codemirror/lang-python";
import { HighlightStyle, StreamLanguage, bracketMatching, defaultHighlightStyle, foldGutter, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { nonce } from "@/lib/nonce";

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "13px", backgroundColor: "var(--surface)", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.55" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--faint)", border: "none", paddingLeft: "4px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--ink) 4%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 24%, transparent)" },
  ".cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--accent) 25%, transparent) !important" },
  ".cm-selectionMatch, .cm-searchMatch": { backgroundColor: "var(--mark)" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)" },
  ".cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-textfield": { backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "5px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--sunken)", border: "1px solid var(--line)", borderRadius: "5px" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", border: "1px solid var(--line)", borderRadius: "8px", boxShadow: "var(--shadow)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-wash)", color: "var(--ink)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", border: "none", color: "var(--faint)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--info)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.comment, tags.docComment], color: "var(--faint)", fontStyle: "italic" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--warn)" },
  { tag: [tags.function(tags.definition(tags.variableName)), tags.definition(tags.className), tags.className], color: "var(--accent)", fontWeight: "600" },
  { tag: [tags.meta, tags.propertyName, tags.attributeName, tags.heading], color: "var(--accent)" },
  { tag: tags.invalid, color: "var(--bad)" },
]);

function language(path: string): Extension {
  switch (path.slice(path.lastIndexOf(".") + 1)) {
    case "py":
    case "pyi":
      return [python(), indentUnit.of("    ")];
    case "toml":
    case "cfg":
    case "ini":
      return StreamLanguage.define(toml);
    case "json":
      return json();
    case "md":
      return markdown();
    default:
      return [];
  }
}

/** A state for a file, with everything that an editor has. */
export function editorState(path: string, text: string, onChange: (state: EditorState) => void): EditorState {
  return EditorState.create({
    doc: text,
    extensions: [
      EditorView.cspNonce.of(nonce),
      lineNumbers(),
      foldGutter(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      dropCursor(),
      indentOnInput(),
      bracketMatching(),
      closeBrackets(),
      autocompletion(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      lintGutter(),
      search({ top: false }),
      // Escape, then Tab, leaves the editor: the keyboard is not trapped.
      keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, indentWithTab]),
      language(path),
      look,
      syntaxHighlighting(colours),
      syntaxHighlighting(defaultHighlightStyle, { fallback: true }),
      // What scrolls is reached with the keyboard by its content.
      EditorView.contentAttributes.of({ "aria-label": `Contents of ${path}`, tabindex: "0" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged || update.selectionSet) onChange(update.state);
      }),
    ],
  });
}

export interface Finding {
  line?: number | null;
  message: string;
  severity: "error" | "warning";
}

/** Shows a state. `line` is where to go, each time it is a new object. */
export function Editor({ state, path, findings, goTo }: { state: EditorState; path: string; findings: Finding[]; goTo: { line: number } | undefined }) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const current = useRef(state);
  current.current = state;

  useEffect(() => {
    const editor = new EditorView({ parent: box.current!, state: current.current });
    view.current = editor;
    return () => editor.destroy();
  }, []);

  // Another file, or content from elsewhere: states that came from this editor are shown already.
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc !== state.doc) editor.setState(state);
  }, [state, path]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const lines = editor.state.doc.lines;
    const diagnostics = findings.map(({ line, message, severity }): Diagnostic => {
      const at = editor.state.doc.line(Math.min(Math.max(line ?? 1, 1), lines));
      return { from: at.from, to: at.to, message, severity };
    });
    editor.dispatch(setDiagnostics(editor.state, diagnostics));
  }, [findings, path]);

  useEffect(() => {
    const editor = view.current;
    if (!editor || !goTo) return;
    const line = editor.state.doc.line(Math.min(Math.max(goTo.line, 1), editor.state.doc.lines));
    editor.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
    editor.focus();
  }, [goTo, path]);

  return <div ref={box} className="h-full min-h-0 overflow-hidden" />;
}
