/** Rows of a sheet, page by page, as a spreadsheet shows them: columns have letters, rows have numbers. */
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { type SheetSource, SHEET_ROWS, sheetPageQuery } from "@/api/queries";
import { type CellPlace, columnName, parseCell } from "@/lib/cells";
import { cn } from "@/lib/cn";
import { Button } from "./button";
import { Select } from "./form";
import { Failed, LoadingRows } from "./states";

export interface SheetViewProps {
  source: SheetSource;
  /** The sheets to choose from; without them the one that is in front is shown. */
  sheets?: string[];
  /** The sheet that is shown first. */
  sheet?: string | undefined;
  /** A cell to show and mark, such as `B4`. */
  cell?: string | null;
  label: string;
  className?: string;
}

export function SheetView({ source, sheets = [], sheet: first, cell, label, className }: SheetViewProps) {
  const marked = cell ? parseCell(cell) : undefined;
  const [sheet, setSheet] = useState(first);
  const [offset, setOffset] = useState(() => pageOf(marked));
  const { data, error, isPending, isFetching, refetch } = useQuery(sheetPageQuery(source, sheet, offset));
  return (
    <section aria-label={label} aria-busy={isFetching} className={cn("flex min-h-0 flex-col overflow-hidden rounded-lg border border-line bg-surface", className)}>
      {isPending ? <LoadingRows rows={4} /> : (
        <>
          {error ? <Failed error={error} retry={() => void refetch()} className="min-h-0 flex-1" /> : <Rows page={data} marked={sheet === first ? marked : undefined} label={label} />}
          <footer className="flex h-10 shrink-0 items-center gap-2 border-t border-line px-2 text-xs text-soft">
            {sheets.length > 1 ? (
              <Select
                aria-label={`Sheet of ${label}`}
                className="h-7 w-44 text-xs"
                value={data?.sheet.name ?? sheet ?? ""}
                onChange={(event) => {
                  setSheet(event.target.value);
                  setOffset(0);
                }}
              >
                {sheets.map((name) => <option key={name}>{name}</option>)}
              </Select>
            ) : <span className="px-1">{data?.sheet.name}</span>}
            <span className="num ml-auto" role="status">{data && !error ? extent(data.rows, data.row_count) : null}</span>
            <Button size="small" look="ghost" aria-label="Rows before" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - SHEET_ROWS))}><ChevronLeft /></Button>
            <Button size="small" look="ghost" aria-label="Rows after" disabled={!data || error !== null || data.next_offset == null} onClick={() => setOffset(data?.next_offset ?? offset)}><ChevronRight /></Button>
          </footer>
        </>
      )}
    </section>
  );
}

/** The page that a cell is on. */
function pageOf(cell: CellPlace | undefined): number {
  return cell ? Math.floor(cell.row / SHEET_ROWS) * SHEET_ROWS : 0;
}

function extent(rows: { number: number }[], total: number | null | undefined): string {
  const [first, last] = [rows[0]?.number, rows.at(-1)?.number];
  if (first === undefined || last === undefined) return "No rows";
  const shown = `Rows ${first.toLocaleString("en")}–${last.toLocaleString("en")}`;
  return total == null ? shown : `${shown} of ${total.toLocaleString("en")}`;
}

interface Page {
  rows: { number: number; cells: ({ kind: string; text: string } | null)[] }[];
}

function Rows({ page, marked, label }: { page: Page; marked: CellPlace | undefined; label: string }) {
  const target = useRef<HTMLTableCellElement>(null);
  useEffect(() => {
    // Browsers may answer with a promise, which is nothing that React could call.
    void target.current?.scrollIntoView({ block: "center", inline: "center" });
  }, [page]);
  const width = Math.max(marked ? marked.column + 1 : 1, ...page.rows.map(({ cells }) => cells.length));
  const columns = Array.from({ length: width }, (_, index) => index);
  const heading = "sticky bg-sunken px-2 text-center font-normal text-faint border-line";
  return (
    <div tabIndex={0} role="group" aria-label={`Rows of ${label}`} className="thin-scroll min-h-0 flex-1 overflow-auto">
      <table className="border-separate border-spacing-0 text-xs">
        <thead>
          <tr>
            <td className={cn(heading, "top-0 left-0 z-20 h-7 border-r border-b")} />
            {columns.map((column) => (
              <th key={column} scope="col" className={cn(heading, "top-0 z-10 h-7 min-w-20 border-r border-b", column === marked?.column && "text-accent")}>{columnName(column)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {page.rows.map(({ number, cells }) => (
            <tr key={number}>
              <th scope="row" className={cn(heading, "num left-0 h-7 border-r border-b", number - 1 === marked?.row && "text-accent")}>{number}</th>
              {columns.map((column) => {
                const cell = cells[column];
                const here = number - 1 === marked?.row && column === marked.column;
                return (
                  <td
                    key={column}
                    ref={here ? target : undefined}
                    aria-current={here ? "true" : undefined}
                    title={cell && cell.text.length > 40 ? cell.text : undefined}
                    className={cn("h-7 max-w-72 truncate border-r border-b border-line px-2 whitespace-pre", cell && cell.kind !== "text" && "num text-right", here && "bg-warn-wash outline-2 -outline-offset-2 outline-warn")}
                  >
                    {cell?.text}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
