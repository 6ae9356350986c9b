const apple = /Mac|iPhone|iPad/.test(navigator.userAgent);
const NAMES: Record<string, string> = apple
  ? { mod: "⌘", shift: "⇧", alt: "⌥", enter: "↵" }
  : { mod: "Ctrl", shift: "Shift", alt: "Alt", enter: "Enter" };

/** A shortcut, such as `mod+k`, as this machine writes it. */
export function Keys({ keys }: { keys: string }) {
  const parts = keys.split("+").map((key) => NAMES[key] ?? key.toUpperCase());
  return <kbd className="rounded border border-current/25 px-1 font-sans text-2xs">{parts.join(apple ? "" : "+")}</kbd>;
}

/** Whether a key press is this shortcut. */
export function pressed(event: KeyboardEvent | React.KeyboardEvent, keys: string): boolean {
  const parts = keys.split("+");
  const mod = apple ? event.metaKey : event.ctrlKey;
  return (
    mod === parts.includes("mod") &&
    event.shiftKey === parts.includes("shift") &&
    event.altKey === parts.includes("alt") &&
    event.key.toLowerCase() === parts.at(-1)
  );
}
