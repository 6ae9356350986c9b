/** Text with the escape sequences of terminals, as spans of plain text. Colours are kept, everything else is removed. */
export interface Span {
  text: string;
  className: string;
}

// Control sequences (CSI), operating system commands (OSC, such as titles and links), and other escapes.
const ESCAPE = /\u001b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

const STYLES: Record<number, string> = { 1: "ansi-bold", 2: "ansi-dim", 3: "ansi-italic", 4: "ansi-underline" };

export function ansi(text: string): Span[] {
  if (!text.includes("\u001b")) return [{ text: text.replace(CONTROL, ""), className: "" }];
  const spans: Span[] = [];
  const styles = new Set<string>();
  let colour = "";
  let from = 0;
  const push = (to: number) => {
    const part = text.slice(from, to).replace(CONTROL, "");
    if (part) spans.push({ text: part, className: [...styles, colour].filter(Boolean).join(" ") });
  };
  for (const match of text.matchAll(ESCAPE)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[2] !== "m") continue;
    const codes = (match[1] || "0").split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at] ?? 0;
      if (code === 0) {
        styles.clear();
        colour = "";
      } else if (STYLES[code]) styles.add(STYLES[code]);
      else if (code === 22) {
        styles.delete("ansi-bold");
        styles.delete("ansi-dim");
      } else if (code === 23) styles.delete("ansi-italic");
      else if (code === 24) styles.delete("ansi-underline");
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = `ansi-${code}`;
      else if (code === 39) colour = "";
      // Colours of 256 or of 16 million: their numbers are skipped, the text keeps its own colour.
      else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;
    }
  }
  push(text.length);
  return spans;
}

/** The text without its escape sequences. */
export function plain(text: string): string {
  return text.includes("\u001b") ? text.replace(ESCAPE, "").replace(CONTROL, "") : text.replace(CONTROL, "");
}
