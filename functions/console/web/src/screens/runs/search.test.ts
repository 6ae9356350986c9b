import { expect, test } from "vitest";
import { runFilters, runsSearch } from "./search";

test("an address is read leniently", () => {
  expect(runsSearch({ status: "failed", config: "cfg_1", period: "week", nonsense: 1 })).toEqual({ status: ["failed"], config: "cfg_1", period: "week" });
  expect(runsSearch({ status: ["canceled", "queued", "bogus"], period: "toString", by: 7, document: "" })).toEqual({ status: ["queued", "canceled"] });
});

test("conditions are asked for as the API takes them", () => {
  const now = 1_800_000_059_999;
  expect(runFilters({ status: ["failed"], config: "cfg_1", document: "doc_1", by: "key_1", period: "day" }, now)).toEqual({
    status: ["failed"], config_id: "cfg_1", input_document_id: "doc_1", submitted_by: "key_1", created_after: 1_800_000_000 - 86_400,
  });
  expect(runFilters({}, now)).toEqual({});
});
