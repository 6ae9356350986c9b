import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { columnName } from "@/lib/cells";
import { cn } from "@/lib/cn";

export type CellValue = string | number | boolean | null;

const ROW = 26;
const WIDTH = 150;
const GUTTER = 56;

/** Rows of a sheet, as sheets look: letters above, numbers at the side. Only what is in sight is drawn. */
export function Grid({ rows, label, marked, hasMore, onMore, className }: { rows: CellValue[][]; label: string; marked?: { row: number; column: number } | undefined; hasMore: boolean; onMore: () => void; className?: string }) {
  const box = useRef<HTMLDivElement>(null);
  const columns = Math.max(1, ...rows.slice(0, 500).map((row) => row.length));
  const vertical = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12, scrollPaddingStart: ROW });
  const horizontal = useVirtualizer({ horizontal: true, count: columns, getScrollElement: () => box.current, estimateSize: () => WIDTH, overscan: 3, scrollPaddingStart: GUTTER });
  const items = vertical.getVirtualItems();
  const cells = horizontal.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;

  useEffect(() => {
    if (hasMore && last >= rows.length - 20) onMore();
  }, [hasMore, last, rows.length, onMore]);

  const markedRow = marked?.row;
  const markedColumn = marked?.column;
  useEffect(() => {
    if (markedRow === undefined || markedColumn === undefined || markedRow > rows.length) return;
    vertical.scrollToIndex(markedRow - 1, { align: "center" });
    horizontal.scrollToIndex(markedColumn, { align: "center" });
    // Only when the mark moves, or its row has arrived.
  }, [markedRow, markedColumn, markedRow !== undefined && markedRow <= rows.length]);

  const width = horizontal.getTotalSize() + GUTTER;
  const head = "absolute flex items-center border-r border-b border-line bg-sunken text-2xs text-faint";
  return (
    <div ref={box} tabIndex={0} role="grid" aria-label={label} aria-rowcount={hasMore ? -1 : rows.length} aria-colcount={columns} className={cn("thin-scroll relative overflow-auto bg-surface text-xs [contain:strict]", className)}>
      <div style={{ width, height: vertical.getTotalSize() + ROW }} className="relative">
        <div role="row" className="sticky top-0 z-10" style={{ height: ROW, width }}>
          <div role="columnheader" className={cn(head, "sticky left-0 z-10")} style={{ width: GUTTER, height: ROW }} aria-label="Row" />
          {cells.map((cell) => (
            <div key={cell.key} role="columnheader" className={cn(head, "top-0 justify-center", cell.index === markedColumn && "bg-accent-wash font-semibold text-accent")} style={{ left: cell.start + GUTTER, width: WIDTH, height: ROW }}>
              {columnName(cell.index)}
            </div>
          ))}
        </div>
        {items.map((item) => {
          const row = rows[item.index] ?? [];
          return (
            <div key={item.key} role="row" aria-rowindex={item.index + 1} className="absolute left-0" style={{ top: 0, transform: `translateY(${item.start + ROW}px)`, height: ROW, width }}>
              <div role="rowheader" className={cn(head, "num sticky left-0 z-5 justify-end pr-2", item.index + 1 === markedRow && "bg-accent-wash font-semibold text-accent")} style={{ width: GUTTER, height: ROW }}>
                {item.index + 1}
              </div>
              {cells.map((cell) => {
                const value = row[cell.index] ?? null;
                const isMarked = item.index + 1 === markedRow && cell.index === markedColumn;
                return (
                  <div
                    key={cell.key}
                    role="gridcell"
                    title={value === null ? undefined : String(value)}
                    className={cn("absolute top-0 truncate border-r border-b border-line px-2 leading-[25px]", typeof value === "number" && "num text-right", isMarked && "bg-mark outline-2 -outline-offset-2 outline-accent")}
                    style={{ left: cell.start + GUTTER, width: WIDTH, height: ROW }}
                  >
                    {value === null ? "" : typeof value === "boolean" ? (value ? "TRUE" : "FALSE") : value}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}
