import { useMutation, useQuery } from "@tanstack/react-query";
import { FileArchive } from "lucide-react";
import { type ReactNode, useState } from "react";
import { api, data } from "@/api/client";
import { exportArchive } from "@/api/config-archives";
import type { ConfigKey } from "@/api/config-files";
import { everyPage } from "@/api/pages";
import { cn } from "@/lib/cn";
import { bytes, count, moment, shortId } from "@/lib/format";
import { IconButton } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Field, Select } from "@/ui/form";
import { Failed, LoadingRows } from "@/ui/states";
import { Badge } from "@/ui/status";
import { failed } from "@/ui/toast";

/** The versions that were built, and what is different between two of them or the draft. */
export function VersionsDialog({ configKey, active, onClose }: { configKey: ConfigKey; active: string | null | undefined; onClose: () => void }) {
  const path = { workspace_id: configKey.workspace, config_id: configKey.config };
  const versions = useQuery({
    queryKey: ["configs", configKey.workspace, configKey.config, "versions", "all"],
    queryFn: ({ signal }) => everyPage((page) => data(api.GET("/workspaces/{workspace_id}/configs/{config_id}/versions", { params: { path, query: page }, signal }))),
  });
  const all = versions.data?.data ?? [];
  const [from, setFrom] = useState<string>();
  const [to, setTo] = useState("draft");
  const before = from ?? active ?? all[0]?.id;
  const diff = useQuery({
    queryKey: ["configs", configKey.workspace, configKey.config, "diff", before, to],
    queryFn: ({ signal }) => data(api.GET("/workspaces/{workspace_id}/configs/{config_id}/versions/{version_id}/diff/{other_version_id}", { params: { path: { ...path, version_id: before ?? "", other_version_id: to } }, signal })),
    enabled: before !== undefined && before !== to,
    staleTime: 0,
  });
  const options = all.map(({ id, created }) => (
    <option key={id} value={id}>
      {moment(created)} · {shortId(id)}
      {id === active ? " · active" : ""}
    </option>
  ));
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} className="max-w-4xl" title="Versions" description="A version is made whenever the draft is built with files that no version has.">
      {versions.isPending ? (
        <LoadingRows rows={3} />
      ) : versions.isLoadingError ? (
        <Failed error={versions.error} />
      ) : all.length === 0 ? (
        <p className="py-6 text-center text-soft">No version yet: build the draft to make the first.</p>
      ) : (
        <div className="flex flex-col gap-4">
          <div className="grid grid-cols-2 gap-3">
            <Field label="Before">
              {(ids) => (
                <WithExport configKey={configKey} version={before} label="Export the version before">
                  <Select {...ids} value={before} onChange={(event) => setFrom(event.target.value)}>{options}</Select>
                </WithExport>
              )}
            </Field>
            <Field label="After">
              {(ids) => (
                <WithExport configKey={configKey} version={to} label="Export the version after">
                  <Select {...ids} value={to} onChange={(event) => setTo(event.target.value)}>
                    <option value="draft">Draft, as it is saved</option>
                    {options}
                  </Select>
                </WithExport>
              )}
            </Field>
          </div>
          {before === to ? (
            <p className="text-soft">Choose two different ones.</p>
          ) : diff.isPending ? (
            <LoadingRows rows={3} />
          ) : diff.isLoadingError ? (
            <Failed error={diff.error} />
          ) : diff.data.files.length === 0 ? (
            <p className="py-4 text-center text-soft">Both have the same files.</p>
          ) : (
            <>
              <p className="text-soft">{count(diff.data.files.length, "file differs", "files differ")}</p>
              {diff.data.files.map((file) => (
                <section key={file.path} aria-label={file.path} className="overflow-hidden rounded-lg border border-line">
                  <header className="flex items-center gap-2 border-b border-line bg-sunken px-3 py-1.5">
                    <code className="min-w-0 truncate font-mono text-xs">{file.path}</code>
                    <Badge tone={file.status === "added" ? "good" : file.status === "removed" ? "bad" : "info"}>{file.status}</Badge>
                    <span className="num ml-auto text-xs text-faint">
                      {[file.from_byte_size, file.to_byte_size].filter((size) => size != null).map(bytes).join(" → ")}
                    </span>
                  </header>
                  {file.patch == null ? <p className="px-3 py-2 text-xs text-soft">Not shown: it is not text, or too long.</p> : <Patch patch={file.patch} />}
                </section>
              ))}
            </>
          )}
        </div>
      )}
    </Dialog>
  );
}

function WithExport({ configKey, version, label, children }: { configKey: ConfigKey; version: string | undefined; label: string; children: ReactNode }) {
  const take = useMutation({ mutationFn: (chosen: string) => exportArchive(configKey, chosen), onError: (error) => failed(error, "Not exported") });
  return (
    <div className="flex gap-1">
      {children}
      <IconButton label={label} disabled={take.isPending || version === undefined} onClick={() => version && take.mutate(version)}>
        <FileArchive />
      </IconButton>
    </div>
  );
}

/** The lines of a difference, without the names of the files before the first of them: those are in the heading. */
export function hunksOf(patch: string): string[] {
  const lines = patch.trimEnd().split("\n");
  const first = lines.findIndex((line) => line.startsWith("@@"));
  return first < 0 ? [] : lines.slice(first);
}

/** A difference in unified format. */
function Patch({ patch }: { patch: string }) {
  const lines = hunksOf(patch);
  return (
    <pre tabIndex={0} className="thin-scroll max-h-96 overflow-auto py-1 font-mono text-xs leading-5">
      {lines.map((line, index) => (
        <div key={index} className={cn("w-max min-w-full px-3", line.startsWith("+") && "bg-good-wash text-good", line.startsWith("-") && "bg-bad-wash text-bad", line.startsWith("@@") && "text-faint")}>
          {line || " "}
        </div>
      ))}
    </pre>
  );
}
