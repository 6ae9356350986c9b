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
import { Compartment, EditorState, type Extension, type Line } from "@codemirror/state";
import { EditorView, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useLayoutEffect, useRef } from "react";
import { nonce } from "@/lib/nonce";
import type { OpenFile } from "./files";
import type { Issue } from "./work";

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

/** What depends on a file's name. */
const named = new Compartment();
const namedAs = (path: string): Extension => [
  language(path),
  // What scrolls is reached with the keyboard by its content.
  EditorView.contentAttributes.of({ "aria-label": `Contents of ${path}`, tabindex: "0" }),
];

/** The state of a file that has another name now. */
export function renamedState(state: EditorState, path: string): EditorState {
  return state.update({ effects: named.reconfigure(namedAs(path)) }).state;
}

/** A state for a file, with everything that an editor has. `onChange` gets every state that follows. */
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
      named.of(namedAs(path)),
      look,
      syntaxHighlighting(colours),
      syntaxHighlighting(defaultHighlightStyle, { fallback: true }),
      EditorView.updateListener.of((update) => onChange(update.state)),
    ],
  });
}

/** A line of a file to show. */
export interface Place {
  path: string;
  line: number;
}

/** Shows a file. `goTo` is gone to once, when it is in this file. */
export function Editor({ file, issues, goTo, onWent, readOnly }: { file: OpenFile; issues: Issue[] | undefined; goTo: Place | undefined; onWent: () => void; readOnly: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const shown = useRef(file);
  const fixed = useRef(readOnly);
  fixed.current = readOnly;

  useLayoutEffect(() => {
    const editor = new EditorView({
      parent: box.current!,
      state: shown.current.state,
      // Who may not change a file may look around in it.
      dispatchTransactions: (transactions, view) => view.update(transactions.filter(({ docChanged }) => !(docChanged && fixed.current))),
    });
    view.current = editor;
    if (shown.current.scroll) editor.dispatch({ effects: shown.current.scroll });
    return () => {
      shown.current.scroll = editor.scrollSnapshot();
      editor.destroy();
    };
  }, []);

  // Another file, or another state of it from elsewhere: a file knows every state that this editor has made of it.
  useLayoutEffect(() => {
    const editor = view.current;
    if (!editor || !file.state || editor.state === file.state) return;
    const before = shown.current;
    if (before !== file) before.scroll = editor.scrollSnapshot();
    shown.current = file;
    editor.setState(file.state);
    if (before !== file && file.scroll) editor.dispatch({ effects: file.scroll });
  });

  useLayoutEffect(() => {
    const editor = view.current;
    if (!editor || file.issues === issues) return;
    file.issues = issues;
    const here = issues?.filter(({ path }) => path === file.path) ?? [];
    const diagnostics = here.map(({ line, message, severity }): Diagnostic => {
      const { from, to } = lineOf(editor.state, line ?? 1);
      return { from, to, message, severity };
    });
    editor.dispatch(setDiagnostics(editor.state, diagnostics));
  }, [file, issues]);

  useLayoutEffect(() => {
    const editor = view.current;
    if (!editor || goTo?.path !== file.path) return;
    const { from } = lineOf(editor.state, goTo.line);
    editor.dispatch({ selection: { anchor: from }, effects: EditorView.scrollIntoView(from, { y: "center" }) });
    editor.focus();
    onWent();
  }, [goTo, file, onWent]);

  return <div ref={box} className="h-full min-h-0 overflow-hidden" />;
}

/** The line with this number, or the nearest that there is. */
function lineOf({ doc }: EditorState, number: number): Line {
  return doc.line(Math.min(Math.max(number, 1), doc.lines));
}
