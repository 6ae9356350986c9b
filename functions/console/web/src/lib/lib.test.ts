import { describe, expect, test } from "vitest";
import { ansi, plain } from "./ansi";
import { columnName, parseCell } from "./cells";
import { ago, bytes, duration, elapsed, reason, shortId, took } from "./format";

describe("formats", () => {
  test("sizes", () => {
    expect([0, 999, 1024, 1536, 150 * 1024, 5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "999 B", "1.0 KiB", "1.5 KiB", "150 KiB", "5.0 GiB"]);
  });
  test("durations", () => {
    expect([0, 850, 3000, 4200, 12_400, 200_000, 7_500_000].map(duration)).toEqual(["0 ms", "850 ms", "3 s", "4.2 s", "12 s", "3 min 20 s", "2 h 5 min"]);
    expect(duration(-5)).toBe("0 ms");
    expect([0, 1, 75].map(took)).toEqual(["< 1 s", "1 s", "1 min 15 s"]);
  });
  test("how long ago", () => {
    const now = 1_800_000_000_000;
    const before = (seconds: number) => ago(1_800_000_000 - seconds, now);
    expect([0, 60, 3600 * 5, 86_400 * 2].map(before)).toEqual(["just now", "1 min ago", "5 h ago", "2 days ago"]);
    expect(ago(1_800_000_100, now), "clocks differ").toBe("just now");
  });
  test("reasons", () => {
    expect(reason("the build failed: columns/email.py:35: NameError (build_01JZX3Q4T5V6W7X8Y9ZABCDEFG)")).toBe("columns/email.py:35: NameError");
    expect(reason("The time is up.")).toBe("The time is up.");
  });
  test("others", () => {
    expect(elapsed(12_345)).toBe("+12.345");
    expect(shortId("run_01JZX3Q4T5V6W7X8Y9ZABCDEFG")).toBe("run_…BCDEFG");
  });
});

describe("cells", () => {
  test("columns have the names that sheets give them", () => {
    expect([0, 25, 26, 51, 701, 702, 16_383].map(columnName)).toEqual(["A", "Z", "AA", "AZ", "ZZ", "AAA", "XFD"]);
  });

  test("cells are read as they are written", () => {
    expect(["A1", "$B$4", "XFD1048576"].map(parseCell)).toEqual([{ row: 0, column: 0 }, { row: 3, column: 1 }, { row: 1_048_575, column: 16_383 }]);
    expect(["Sheet1!C17", "'It''s! all'!C17"].map(parseCell)).toEqual([{ row: 16, column: 2 }, { row: 16, column: 2 }]);
    expect(["", "A", "1", "A0", "A1:B2", "ABCD1"].map(parseCell)).toEqual(Array(6).fill(undefined));
  });
});

describe("terminal text", () => {
  test("colours become classes", () => {
    expect(ansi("a \u001b[1;31mred\u001b[0m b")).toEqual([
      { text: "a ", className: "" },
      { text: "red", className: "ansi-bold ansi-31" },
      { text: " b", className: "" },
    ]);
    expect(ansi("\u001b[38;5;200mx\u001b[39m")).toEqual([{ text: "x", className: "" }]);
  });
  test("other sequences disappear", () => {
    expect(plain("\u001b]0;title\u0007\u001b[2K\u001b[1Gdone\u0008\u001b[?25h")).toBe("done");
    expect(plain("tab\there")).toBe("tab\there");
  });
  test("a page can't be smuggled in", () => {
    expect(ansi("<img src=x>\u001b[31m<b>").map((span) => span.text)).toEqual(["<img src=x>", "<b>"]);
  });
});
