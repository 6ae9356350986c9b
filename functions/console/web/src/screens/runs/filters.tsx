/** The conditions of the history, each of which is in the address. */
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { type ComponentProps, Suspense, lazy, useEffect, useState } from "react";
import { type Run, documentQuery, principalsQuery } from "@/api/queries";
import { shortId } from "@/lib/format";
import { Button } from "@/ui/button";
import { Input, Select } from "@/ui/form";
import { PERIODS, type Period, type RunsSearch, dayBegins } from "./search";
import { StatusFilter } from "./status-filter";

const DocumentPicker = lazy(() => import("./document-picker"));

export interface FiltersProps {
  workspace: string;
  search: RunsSearch;
  configs: { id: string; name: string }[] | undefined;
  /** What is shown: the names of who and what is in it are known. */
  runs: Run[];
  onChange: (changed: Partial<RunsSearch>) => void;
  onClear: () => void;
}

export function Filters({ workspace, search, configs, runs, onChange, onClear }: FiltersProps) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <StatusFilter chosen={search.status ?? []} onChange={(status) => onChange({ status: status.length ? status : undefined })} />
      <Select aria-label="Config" className="w-40" value={search.config ?? ""} onChange={(event) => onChange({ config: event.target.value || undefined })}>
        <option value="">All configs</option>
        {/* Its name comes later, or it is deleted: the runs that are shown are of it nevertheless. */}
        {search.config && !configs?.some(({ id }) => id === search.config) ? <option value={search.config}>{shortId(search.config)}</option> : null}
        {configs?.map(({ id, name }) => (
          <option key={id} value={id}>{name}</option>
        ))}
      </Select>
      <DocumentFilter workspace={workspace} chosen={search.document} runs={runs} onChange={(document) => onChange({ document })} />
      <SubmitterFilter workspace={workspace} chosen={search.by} runs={runs} onChange={(by) => onChange({ by })} />
      <PeriodFilter search={search} onChange={onChange} />
      {Object.keys(search).length > 0 ? <Button look="ghost" onClick={onClear}>Clear</Button> : null}
    </div>
  );
}

function DocumentFilter({ workspace, chosen, runs, onChange }: { workspace: string; chosen: string | undefined; runs: Run[]; onChange: (document: string | undefined) => void }) {
  const [choosing, setChoosing] = useState(false);
  const { data } = useQuery({ ...documentQuery(chosen ?? ""), enabled: chosen !== undefined });
  if (chosen !== undefined) {
    // Runs outlive their documents.
    const input = runs.flatMap(({ input_documents }) => input_documents).find(({ document_id }) => document_id === chosen);
    return <Chip label={`Document ${data?.name ?? input?.name ?? shortId(chosen)}`} onRemove={() => onChange(undefined)} />;
  }
  return (
    <>
      <Button onClick={() => setChoosing(true)}>Any document …</Button>
      {choosing ? (
        <Suspense>
          <DocumentPicker
            title="Runs of one document"
            workspace={workspace}
            onClose={() => setChoosing(false)}
            onChoose={({ id }) => {
              setChoosing(false);
              onChange(id);
            }}
          />
        </Suspense>
      ) : null}
    </>
  );
}

function SubmitterFilter({ workspace, chosen, runs, onChange }: { workspace: string; chosen: string | undefined; runs: Run[]; onChange: (by: string | undefined) => void }) {
  const { data } = useQuery(principalsQuery(workspace));
  const names = new Map<string, string>();
  for (const { submitted_by: by } of runs) names.set(by.id, by.name ?? by.id);
  for (const { id, name } of data ?? []) names.set(id, name);
  if (chosen !== undefined && !names.has(chosen)) names.set(chosen, shortId(chosen));
  const sorted = [...names].sort(([, one], [, other]) => one.localeCompare(other));
  return (
    <Select aria-label="Submitter" className="w-40" value={chosen ?? ""} onChange={(event) => onChange(event.target.value || undefined)}>
      <option value="">By anybody</option>
      {sorted.map(([id, name]) => (
        <option key={id} value={id}>By {name}</option>
      ))}
    </Select>
  );
}

const DAYS = "days";

function PeriodFilter({ search, onChange }: { search: RunsSearch; onChange: (changed: Partial<RunsSearch>) => void }) {
  const [choosing, setChoosing] = useState(false);
  const days = search.period === undefined && (choosing || search.from !== undefined || search.to !== undefined);
  const choose = (value: string) => {
    setChoosing(value === DAYS);
    onChange({ period: value === "" || value === DAYS ? undefined : (value as Period), from: undefined, to: undefined });
  };
  return (
    <>
      <Select aria-label="Period" className="w-40" value={days ? DAYS : (search.period ?? "")} onChange={(event) => choose(event.target.value)}>
        <option value="">Any time</option>
        {Object.entries(PERIODS).map(([name, { label }]) => (
          <option key={name} value={name}>{label}</option>
        ))}
        <option value={DAYS}>Between days …</option>
      </Select>
      {days ? (
        <>
          <DayInput aria-label="First day" value={search.from} max={search.to} onDay={(from) => onChange({ from })} />
          <DayInput aria-label="Last day" value={search.to} min={search.from} onDay={(to) => onChange({ to })} />
        </>
      ) : null}
    </>
  );
}

/** A day that is typed goes through years that nobody means: it counts when it can be one. */
function DayInput({ value, onDay, ...rest }: Omit<ComponentProps<"input">, "value"> & { value: string | undefined; onDay: (day: string | undefined) => void }) {
  const [typed, setTyped] = useState(value ?? "");
  useEffect(() => setTyped(value ?? ""), [value]);
  const change = (day: string) => {
    setTyped(day);
    if (day === "" || dayBegins(day) !== undefined) onDay(day || undefined);
  };
  return <Input type="date" className="w-36" value={typed} onChange={(event) => change(event.target.value)} {...rest} />;
}

function Chip({ label, onRemove }: { label: string; onRemove: () => void }) {
  return (
    <button type="button" onClick={onRemove} aria-label={`Remove the condition: ${label}`} className="inline-flex h-8 max-w-64 items-center gap-1.5 rounded-md bg-accent-wash px-2.5 text-accent [&_svg]:size-3.5 [&_svg]:shrink-0">
      <span className="truncate">{label}</span>
      <X />
    </button>
  );
}
