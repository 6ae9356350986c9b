import { expect, test } from "vitest";
import type { Artifact, ArtifactTable, Run } from "@/api/queries";
import { documentsOf, outputPath, sheetsOf, sourcesOf } from "./places";

const run = (...names: string[]) => ({ input_documents: names.map((name, index) => ({ document_id: `doc_${index}`, name })) }) as Run;
const table = (source_file: string, source_sheet: string, table_index = 0, output: string | null = source_sheet) =>
  ({ source_file, source_sheet, table_index, output: output === null ? null : { sheet: output, range: "A1:B2" } }) as ArtifactTable;
const idsOf = (of: Run, tables: ArtifactTable[]) => documentsOf(of, tables).map((document) => document?.document_id);

test("an output is named after its document, and among others in its directory", () => {
  const one = run("a.b.xlsx");
  expect(outputPath(one, one.input_documents[0]!)).toBe("a.b_normalized.xlsx");
  const two = run("a.xlsx", "c.csv");
  expect(outputPath(two, two.input_documents[1]!)).toBe("doc_1/c_normalized.xlsx");
});

test("its sheets are those that tables of its document were written to, each once", () => {
  const artifact = { tables: [table("a.xlsx", "One"), table("a.xlsx", "One", 1), table("a.xlsx", "Two"), table("c.csv", "c"), table("c.csv", "c", 1, null)] } as Artifact;
  const of = run("a.xlsx", "c.csv");
  expect(sheetsOf("doc_0/a_normalized.xlsx", of, artifact)).toEqual(["One", "Two"]);
  expect(sheetsOf("doc_1/c_normalized.xlsx", of, artifact)).toEqual(["c"]);
  expect(sheetsOf("other.txt", of, artifact)).toEqual([]);
  expect(sheetsOf("doc_0/a_normalized.xlsx", of, undefined)).toEqual([]);
  expect(sourcesOf(of, artifact.tables)).toEqual(["a.xlsx", "a.xlsx", "a.xlsx", "c.csv", "c.csv"]);
});

test("documents of the same name are told apart by the order of their tables", () => {
  const tables = [table("a.csv", "a"), table("a.csv", "a", 1), table("a.csv", "a"), table("b.csv", "b"), table("a.csv", "a")];
  const of = run("a.csv", "a.csv", "b.csv", "a.csv");
  expect(idsOf(of, tables)).toEqual(["doc_0", "doc_0", "doc_1", "doc_2", "doc_3"]);
  expect(sheetsOf("doc_3/a_normalized.xlsx", of, { tables } as Artifact)).toEqual(["a"]);
  expect(new Set(sourcesOf(of, tables)).size).toBe(4);
});

test("which of them has no table can't be told", () => {
  expect(idsOf(run("a.csv", "a.csv", "b.csv"), [table("a.csv", "a"), table("b.csv", "b")])).toEqual([undefined, "doc_2"]);
});
