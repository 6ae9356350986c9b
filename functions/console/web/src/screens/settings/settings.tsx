import { useIsFetching, useQuery } from "@tanstack/react-query";
import { useLocation, useParams } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { healthQuery, queryClient, workspacesQuery } from "@/api/queries";
import { moment } from "@/lib/format";
import { Page } from "@/ui/page";
import { Failed, LoadingRows } from "@/ui/states";
import { Badge } from "@/ui/status";
import { Card } from "@/ui/table";
import { Keys } from "./keys";
import { Limits } from "./limits";
import { Members } from "./members";
import { SafeModeSection } from "./safe-mode";

export function SettingsScreen() {
  const { workspace } = useParams({ from: "/w/$workspace" });
  const { hash } = useLocation();
  const loading = useIsFetching() > 0;
  const reached = useRef("");
  // Sections grow when their content arrives: until then the one that was asked for is brought back into sight.
  useEffect(() => {
    if (!hash || reached.current === hash) return;
    void document.getElementById(hash)?.scrollIntoView({ block: "start" });
    // Asked now: the sections have begun to fetch since this was drawn.
    if (queryClient.isFetching() === 0) reached.current = hash;
  }, [hash, loading]);
  return (
    <Page title="Settings" className="max-w-4xl gap-8">
      <WorkspaceSection workspace={workspace} />
      <Keys workspace={workspace} />
      <Members workspace={workspace} />
      <Limits workspace={workspace} />
      <SafeModeSection />
      <HealthSection />
    </Page>
  );
}

export function Section({ id, title, note, action, children }: { id: string; title: string; note?: ReactNode; action?: ReactNode; children: ReactNode }) {
  return (
    <section id={id} aria-labelledby={`${id}-title`} className="scroll-mt-4">
      <div className="mb-2.5 flex items-end gap-3">
        <div className="mr-auto">
          <h2 id={`${id}-title`} className="font-semibold">{title}</h2>
          {note ? <p className="text-soft">{note}</p> : null}
        </div>
        {action}
      </div>
      {children}
    </section>
  );
}

/** Names and what they are. */
/** Why a card has nothing to show. */
export function Note({ children }: { children: ReactNode }) {
  return <p className="px-4 py-3 text-soft">{children}</p>;
}

export function Facts({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="divide-y divide-line">
      {facts.map(([name, value]) => (
        <div key={name} className="flex min-h-10 items-center gap-4 px-4 py-2">
          <dt className="w-40 shrink-0 text-soft">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function WorkspaceSection({ workspace }: { workspace: string }) {
  const { data, error, isPending, isLoadingError, refetch } = useQuery(workspacesQuery);
  const found = data?.data.find(({ id }) => id === workspace);
  return (
    <Section id="workspace" title="Workspace">
      <Card>
        {isPending ? <LoadingRows rows={2} /> : isLoadingError ? <Failed error={error} retry={() => void refetch()} /> : found ? (
          <Facts facts={[["Name", found.name], ["Slug", <code key="slug" className="font-mono text-xs">{found.slug}</code>], ["ID", <code key="id" className="font-mono text-xs">{found.id}</code>], ["Created", moment(found.created)]]} />
        ) : null}
      </Card>
    </Section>
  );
}

/** What is asked, in words. */
const COMPONENTS: Record<string, string> = { api: "API", store: "Store of records", objects: "Store of files", executor: "Executor", "safe-mode": "Safe mode" };
const TONES = { available: "good", degraded: "warn", unavailable: "bad" } as const;

function HealthSection() {
  const { data, error, isPending, isLoadingError, refetch, dataUpdatedAt } = useQuery(healthQuery);
  return (
    <Section id="health" title="Health" note={dataUpdatedAt ? `Asked at ${moment(dataUpdatedAt / 1000)}` : undefined}>
      <Card>
        {isPending ? <LoadingRows rows={5} /> : isLoadingError ? <Failed error={error} retry={() => void refetch()} /> : (
          <Facts facts={data.components.map((component) => [COMPONENTS[component.name] ?? component.name, <span key="status" className="flex flex-wrap items-center gap-2"><Badge tone={TONES[component.status]}>{component.status}</Badge><span className="text-soft">{component.detail}</span></span>])} />
        )}
      </Card>
    </Section>
  );
}
