/** Which of a run's outputs the tables of its audit record went to. */
import type { Artifact, ArtifactTable } from "@/api/queries";

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);
/** As the engine names what it makes of a document. */
const outputName = (source: string) => `${source.replace(/\.[^.]*$/, "")}_normalized.xlsx`;

/** Whether this output was made of this document. Those of a run of several documents are in a directory for each. */
export function isOutputOf(path: string, source: string): boolean {
  return nameOf(path) === outputName(source);
}

/** The sheets of an output, in order. */
export function sheetsOf(path: string, artifact: Artifact | undefined): string[] {
  const tables = artifact?.tables.filter((table) => isOutputOf(path, table.source_file)) ?? [];
  return [...new Set(tables.flatMap(({ output }) => (output ? [output.sheet] : [])))];
}

/** The documents that tables were found in; of a run of one document there is nothing to tell apart. */
export function sourcesOf(tables: ArtifactTable[]): string[] {
  return [...new Set(tables.map(({ source_file }) => source_file))];
}
