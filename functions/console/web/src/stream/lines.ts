/**
 * Splits a stream of bytes into lines. A line may come in many pieces, a piece may hold many lines, and a piece may end in
 * the middle of a character. What follows the last line feed is not a line yet: a stream that was cut can end there.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** The lines that are whole now. */
  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "");
  }
}
