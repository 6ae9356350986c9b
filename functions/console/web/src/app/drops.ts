/** A file that is dropped where nothing takes it: browsers would open it in place of the console, and what is not saved would be gone. */
export function carriesFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") === true;
}

/** A field for files takes them by itself. */
function isTaken({ target, defaultPrevented }: DragEvent): boolean {
  return defaultPrevented || (target instanceof HTMLInputElement && target.type === "file");
}

function refuse(event: DragEvent): void {
  if (!carriesFiles(event) || isTaken(event)) return;
  event.preventDefault();
  if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
}

/** For as long as the page is there. */
export function refuseStrayFiles(): void {
  window.addEventListener("dragover", refuse);
  window.addEventListener("drop", refuse);
}
