import { failed, said } from "./toast";

/**
 * Puts a text on the clipboard and says so, or says that it can't; whether it is there. `shown` is where the text is on the screen: it is
 * selected when the browser refuses, so that it can be copied by hand.
 */
export async function copy(text: string, { done = "Copied", shown }: { done?: string; shown?: Element | null } = {}): Promise<boolean> {
  if (await copied(text)) {
    said(done);
    return true;
  }
  if (shown) getSelection()?.selectAllChildren(shown);
  failed(new Error(`The browser does not let this page copy.${shown ? " The text is selected: copy it by hand." : ""}`));
  return false;
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP from another host there is no clipboard, and permission may be missing. The old command needs neither.
    return copiedByCommand(text);
  }
}

function copiedByCommand(text: string): boolean {
  const fill = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
  };
  document.addEventListener("copy", fill, { once: true, capture: true });
  try {
    return document.execCommand("copy");
  } finally {
    document.removeEventListener("copy", fill, { capture: true });
  }
}
