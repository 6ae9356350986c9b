import { open } from "@/api/client";
import { Problem } from "@/api/problem";
import { type RunFilters, asked } from "@/api/queries";
import { saveText } from "@/lib/save";

/** Saves the runs that fit the conditions as a CSV file, which the API streams. */
export async function exportRuns(workspace: string, filters: RunFilters): Promise<void> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked(filters))) for (const one of [value].flat()) query.append(name, String(one));
  const response = await open(`/workspaces/${workspace}/runs?${query}`, { headers: { Accept: "text/csv" } });
  if (!response.ok) throw await Problem.of(response);
  saveText(await response.blob(), "runs.csv");
}
