import { useRef } from "react";

/** What the latest dialog was opened by: a dialog that follows another one leads back to the same place. */
let latest: Element | null = null;

function openerOf(active: Element | null): Element | null {
  if (active?.closest("[role=dialog]")) return latest;
  // An item goes away with its menu; the button that opened the menu stays.
  const menu = active?.closest("[role=menu]");
  return menu ? document.getElementById(menu.getAttribute("aria-labelledby") ?? "") : active;
}

/**
 * Gives the focus back to what opened a dialog when it closes. Radix does so for dialogs that have a trigger of their own, and the ones here
 * are opened by state. What is gone by then, such as a row that was deleted, is replaced by the content of the screen.
 */
export function useReturnFocus(open: boolean): (event: Event) => void {
  const opener = useRef<Element>(null);
  const was = useRef(false);
  // Before anything inside of the dialog takes the focus.
  if (open && !was.current) opener.current = latest = openerOf(document.activeElement);
  was.current = open;
  return (event) => {
    event.preventDefault();
    // A dialog that has taken over keeps the focus.
    if (document.activeElement?.closest("[role=dialog]")) return;
    const target = opener.current?.isConnected ? opener.current : document.getElementById("main");
    if (target instanceof HTMLElement) target.focus();
  };
}
