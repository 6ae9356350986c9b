/** Which documents and outputs of a run the tables of its audit record belong to. */
import type { Artifact, ArtifactTable, Run } from "@/api/queries";
import { shortId } from "@/lib/format";

type Input = Run["input_documents"][number];

/** As the engine names what it makes of a document. */
const outputName = (source: string) => `${source.replace(/\.[^.]*$/, "")}_normalized.xlsx`;

/** Where the output of a document is. Those of a run of several documents are in a directory for each, named by its id. */
export function outputPath(run: Run, document: Input): string {
  return run.input_documents.length === 1 ? outputName(document.name) : `${document.document_id}/${outputName(document.name)}`;
}

/**
 * The document of every table. The record names documents by their files, in the order of the run's documents, and several may have
 * the same name: then the next one begins where a table comes that the one before has already. When one of them has no table at all,
 * nobody can tell which, and their tables have no document.
 */
export function documentsOf(run: Run, tables: ArtifactTable[]): (Input | undefined)[] {
  const namesakes = (name: string) => run.input_documents.filter((document) => document.name === name);
  const begun = new Map<string, number>();
  let seen = new Set<string>();
  let before: string | undefined;
  const places = tables.map(({ source_file: name, source_sheet, table_index }) => {
    const place = `${table_index} ${source_sheet}`;
    if (name !== before || seen.has(place)) {
      begun.set(name, (begun.get(name) ?? 0) + 1);
      seen = new Set();
    }
    seen.add(place);
    before = name;
    return { name, nth: begun.get(name)! - 1 };
  });
  return places.map(({ name, nth }) => {
    const documents = namesakes(name);
    return documents.length === 1 || documents.length === begun.get(name) ? documents[documents.length === 1 ? 0 : nth] : undefined;
  });
}

/** The sheets of an output, in order. */
export function sheetsOf(path: string, run: Run, artifact: Artifact | undefined): string[] {
  if (!artifact) return [];
  const documents = documentsOf(run, artifact.tables);
  const sheets = artifact.tables.flatMap(({ output }, index) => {
    const document = documents[index];
    return output && document && outputPath(run, document) === path ? [output.sheet] : [];
  });
  return [...new Set(sheets)];
}

/** What a document of a run is called there: by its name, and where others have the same by the end of its id too. */
export function titleOf(run: Run, document: Input): string {
  const alone = run.input_documents.filter(({ name }) => name === document.name).length === 1;
  return alone ? document.name : `${document.name} (${shortId(document.document_id)})`;
}

/** What every table's document is called, in the order of the tables. */
export function sourcesOf(run: Run, tables: ArtifactTable[]): string[] {
  const documents = documentsOf(run, tables);
  return tables.map(({ source_file }, index) => {
    const document = documents[index];
    return document ? titleOf(run, document) : source_file;
  });
}
