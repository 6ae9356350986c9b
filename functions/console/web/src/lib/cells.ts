/** Cell addresses: `A1`, `Sheet1!C17`, `A4:F20`. */

/** 0 → A, 25 → Z, 26 → AA. */
export function columnName(index: number): string {
  let name = "";
  for (let left = index + 1; left > 0; left = Math.floor((left - 1) / 26)) {
    name = String.fromCharCode(65 + ((left - 1) % 26)) + name;
  }
  return name;
}

export interface Cell {
  sheet: string | undefined;
  /** From 0. */
  column: number;
  /** From 1, as sheets count. */
  row: number;
}

/** The cell that an address names; of a range, the first. */
export function parseCell(address: string): Cell | undefined {
  const bang = address.lastIndexOf("!");
  const sheet = bang < 0 ? undefined : address.slice(0, bang).replace(/^'(.*)'$/, "$1").replaceAll("''", "'");
  const match = /^\$?([A-Z]{1,3})\$?(\d+)(?::.*)?$/.exec(address.slice(bang + 1));
  if (!match?.[1] || !match[2]) return undefined;
  const column = [...match[1]].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
  return { sheet, column, row: Number(match[2]) };
}
