/** The largest file that is read into memory as a whole to be hashed. */
const LARGEST = 256 << 20;

/** SHA-256 in hexadecimal; undefined for what is too large, and where browsers have no cryptography (plain HTTP elsewhere). */
export async function sha256(file: Blob): Promise<string | undefined> {
  if (file.size > LARGEST || !globalThis.crypto?.subtle) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
