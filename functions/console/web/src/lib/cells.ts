/** 0 → A, 25 → Z, 26 → AA. */
export function columnName(index: number): string {
  let name = "";
  for (let left = index + 1; left > 0; left = Math.floor((left - 1) / 26)) {
    name = String.fromCharCode(65 + ((left - 1) % 26)) + name;
  }
  return name;
}

/** Where a cell is, counted from 0. */
export interface CellPlace {
  row: number;
  column: number;
}

/** `B4`, `$B$4` or `Sheet!B4` → row 3, column 1; undefined for anything else. */
export function parseCell(text: string): CellPlace | undefined {
  const found = /^(?:.*!)?\$?([A-Z]{1,3})\$?([1-9][0-9]{0,6})$/.exec(text);
  if (!found) return undefined;
  const column = [...found[1]!].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
  return { row: Number(found[2]) - 1, column };
}
