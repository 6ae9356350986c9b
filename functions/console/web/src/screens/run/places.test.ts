import { expect, test } from "vitest";
import type { Artifact, ArtifactTable } from "@/api/queries";
import { isOutputOf, sheetsOf, sourcesOf } from "./places";

const table = (source_file: string, sheet: string | null) => ({ source_file, output: sheet === null ? null : { sheet, range: "A1:B2" } }) as ArtifactTable;
const artifact = { tables: [table("a.b.xlsx", "One"), table("a.b.xlsx", "One"), table("a.b.xlsx", "Two"), table("c.csv", "c"), table("c.csv", null)] } as Artifact;

test("an output belongs to the document that it is named after", () => {
  expect(isOutputOf("a.b_normalized.xlsx", "a.b.xlsx")).toBe(true);
  expect(isOutputOf("doc_1/c_normalized.xlsx", "c.csv")).toBe(true);
  expect(isOutputOf("doc_1/cc_normalized.xlsx", "c.csv")).toBe(false);
});

test("its sheets are those that tables were written to, each once", () => {
  expect(sheetsOf("a.b_normalized.xlsx", artifact)).toEqual(["One", "Two"]);
  expect(sheetsOf("doc_1/c_normalized.xlsx", artifact)).toEqual(["c"]);
  expect(sheetsOf("other.txt", artifact)).toEqual([]);
  expect(sheetsOf("a.b_normalized.xlsx", undefined)).toEqual([]);
  expect(sourcesOf(artifact.tables)).toEqual(["a.b.xlsx", "c.csv"]);
});
