import { Problem } from "@/api/problem";

/** Headers that a browser sets itself and lets nobody else set. */
const FORBIDDEN = new Set(["content-length", "host"]);
/** How long nothing may arrive before a connection counts as dead, in milliseconds. */
const SILENCE = 60_000;

/** Sends a file as a presigned request says. `fetch` can't tell how far it is; this can. */
export function send(request: { method: string; url: string; headers: Record<string, string> }, file: File, onSent: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    let silence: ReturnType<typeof setTimeout>;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => {
        reject(new Problem(0, "storage_silent", `The storage did not answer for ${SILENCE / 1000} seconds.`));
        xhr.abort();
      }, SILENCE);
    };
    const abort = () => xhr.abort();
    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) {
      if (!FORBIDDEN.has(name.toLowerCase())) xhr.setRequestHeader(name, value);
    }
    xhr.upload.onprogress = (event) => {
      listen();
      onSent(event.loaded);
    };
    xhr.onabort = () => reject(signal.reason as Error);
    xhr.onerror = () => reject(new Problem(0, "storage_unreachable", "The file did not reach the storage. Is this device online? A firewall or a browser extension may be in the way."));
    xhr.onload = () => {
      if (xhr.status >= 200 && xhr.status < 300) resolve();
      else reject(new Problem(xhr.status, "storage", `The storage refused the upload (${xhr.status}).`));
    };
    xhr.onloadend = () => {
      clearTimeout(silence);
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort);
    listen();
    xhr.send(file);
  });
}
