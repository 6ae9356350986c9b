import { python } from "@codemirror/lang-python";
import { MergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { nonce } from "@/lib/nonce";

const look = EditorView.theme({
  "&": { fontSize: "12px", backgroundColor: "var(--surface)", color: "var(--ink)" },
  ".cm-scroller": { fontFamily: "var(--font-mono)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--faint)", border: "none" },
  "&.cm-merge-a .cm-changedLine": { backgroundColor: "var(--bad-wash)" },
  "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--good-wash)" },
  "&.cm-merge-a .cm-changedText": { background: "color-mix(in srgb, var(--bad) 25%, transparent)" },
  "&.cm-merge-b .cm-changedText": { background: "color-mix(in srgb, var(--good) 25%, transparent)" },
  // Its ornaments are in no font that is loaded here.
  ".cm-collapsedLines:before, .cm-collapsedLines:after": { content: "none" },
  ".cm-collapsedLines": { background: "var(--sunken)", color: "var(--soft)" },
});

/** Two texts side by side, with what differs. */
export function Compare({ before, after, labels }: { before: string; after: string; labels: [string, string] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const extensions = (label: string) => [EditorView.cspNonce.of(nonce), lineNumbers(), python(), look, EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" })];
    const view = new MergeView({
      parent: box.current!,
      a: { doc: before, extensions: extensions(labels[0]) },
      b: { doc: after, extensions: extensions(labels[1]) },
      collapseUnchanged: { margin: 3, minSize: 6 },
    });
    return () => view.destroy();
  }, [before, after, labels[0], labels[1]]);
  return (
    <div className="overflow-hidden rounded-lg border border-line">
      <div className="grid grid-cols-2 border-b border-line bg-sunken px-3 py-1.5 text-xs font-medium text-soft">
        <span>{labels[0]}</span>
        <span>{labels[1]}</span>
      </div>
      <div ref={box} className="thin-scroll max-h-[50vh] overflow-auto" />
    </div>
  );
}
