/** All files of a config at once, as a zip archive: brought in, taken out. */
import { sha256 } from "@/lib/sha256";
import { type Schemas, api, data, fetchStored } from "./client";
import { type ConfigKey, tagOf } from "./config-files";
import { Problem } from "./problem";
import { type Config, type Download, save } from "./queries";

/** Uploads an archive, which can be used once; its id. */
async function uploadArchive(workspace: string, file: Blob): Promise<string> {
  const digest = await sha256(file);
  if (digest === undefined) throw new Problem(-1, "console", "The archive can't be read here: browsers check files over HTTPS only, and a config has at most 64 MiB.");
  const { id, upload } = await data(api.POST("/workspaces/{workspace_id}/config-uploads", { params: { path: { workspace_id: workspace } }, body: { byte_size: file.size, sha256: digest } }));
  // A type of the browser's own would not be the one that was signed.
  await fetchStored(upload.url, { method: upload.method, headers: upload.headers, body: new Blob([file]) });
  return id;
}

/** What a new config is made from. */
export type Source = { type: "template" } | { type: "clone"; config: string } | { type: "archive"; file: Blob };

export async function createConfig(workspace: string, name: string, source: Source): Promise<Config> {
  const described: Schemas["ConfigSource"] =
    source.type === "archive" ? { type: "archive", upload_id: await uploadArchive(workspace, source.file) } : source.type === "clone" ? { type: "clone", config_id: source.config } : source;
  return data(api.POST("/workspaces/{workspace_id}/configs", { params: { path: { workspace_id: workspace } }, body: { name, source: described } }));
}

/** Replaces the files of a draft, provided that they still are what this hash says. */
export async function importArchive({ workspace, config }: ConfigKey, file: Blob, replaced: string): Promise<Schemas["ConfigFiles"]> {
  const upload_id = await uploadArchive(workspace, file);
  return data(
    api.POST("/workspaces/{workspace_id}/configs/{config_id}/import", {
      params: { path: { workspace_id: workspace, config_id: config }, header: { "If-Match": tagOf(replaced) } },
      body: { upload_id },
    }),
  );
}

/** Saves the files of the draft, of the active version or of any other. */
export async function exportArchive({ workspace, config }: ConfigKey, version: string): Promise<void> {
  const answer = api.GET("/workspaces/{workspace_id}/configs/{config_id}/export", {
    params: { path: { workspace_id: workspace, config_id: config }, query: { version } },
    headers: { Accept: "application/json" },
  });
  save((await data(answer)) as Download);
}
