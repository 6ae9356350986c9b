import { expect, test } from "vitest";
import { asked } from "@/api/queries";
import { dayBegins, runFilters, runsSearch } from "./search";

test("an address is read leniently", () => {
  expect(runsSearch({ status: "failed", config: "cfg_1", period: "week", nonsense: 1 })).toEqual({ status: ["failed"], config: "cfg_1", period: "week" });
  expect(runsSearch({ status: ["canceled", "queued", "bogus"], period: "toString", by: 7, document: "" })).toEqual({ status: ["queued", "canceled"] });
  expect(runsSearch({ from: "2026-11-01", to: "2026-02-30" })).toEqual({ from: "2026-11-01" });
  expect(runsSearch({ from: "0002-11-01", to: "yesterday" })).toEqual({});
  expect(runsSearch({ period: "day", from: "2026-11-01" }), "a period says it all").toEqual({ period: "day" });
});

test("conditions are asked for as the API takes them", () => {
  const search = { status: ["failed" as const], config: "cfg_1", document: "doc_1", by: "key_1" };
  expect(runFilters(search)).toEqual({ status: ["failed"], config_id: "cfg_1", input_document_id: "doc_1", submitted_by: "key_1" });
  expect(runFilters({})).toEqual({});
});

test("a period is reckoned from the question, not from when it was chosen", () => {
  const filters = runFilters({ period: "day" });
  expect(filters).toEqual({ within: 86_400 });
  expect(asked(filters, 1_800_000_059_999)).toEqual({ created_after: 1_800_000_059 - 86_400 });
  expect(asked(filters, 1_800_000_129_000)).toEqual({ created_after: 1_800_000_129 - 86_400 });
});

test("days are those of whoever looks, and the last one belongs to them", () => {
  const filters = runFilters({ from: "2026-03-28", to: "2026-03-29" });
  expect(filters).toEqual({ created_after: new Date(2026, 2, 28).getTime() / 1000, created_before: new Date(2026, 2, 30).getTime() / 1000 });
  expect(runFilters({ to: "2026-12-31" })).toEqual({ created_before: new Date(2027, 0, 1).getTime() / 1000 });
  expect(["2026-13-01", "2026-02-30", "20261101", "1969-12-31", ""].map((day) => dayBegins(day))).toEqual(Array(5).fill(undefined));
});
