import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Command } from "cmdk";
import { Blocks, FileSpreadsheet, History, LogOut, Monitor, Moon, Play, Settings, Sun } from "lucide-react";
import { Dialog } from "radix-ui";
import type { ReactNode } from "react";
import { configsQuery, runsQuery, workspacesQuery } from "@/api/queries";
import { ago, shortId } from "@/lib/format";
import { useReturnFocus } from "@/ui/return-focus";
import { useLeave } from "./leave";
import { setTheme } from "./theme";

/** Everything there is, one name away. */
export default function Palette({ workspace, onClose }: { workspace: string; onClose: () => void }) {
  const navigate = useNavigate();
  const leave = useLeave();
  const onCloseAutoFocus = useReturnFocus(true);
  const { data: configs } = useQuery(configsQuery(workspace));
  const { data: workspaces } = useQuery(workspacesQuery);
  const { data: runs } = useInfiniteQuery(runsQuery(workspace, {}));
  const then = (act: () => unknown) => () => {
    onClose();
    void act();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content aria-describedby={undefined} onCloseAutoFocus={onCloseAutoFocus} className="fixed top-[14vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-xl border border-line bg-raised shadow-float">
          <Dialog.Title className="sr-only">Go to</Dialog.Title>
          <Command label="Go to" loop>
            <Command.Input autoFocus placeholder="Go to a screen, a config, a run, or do something …" className="h-12 w-full border-b border-line bg-transparent px-4 text-base outline-none" />
            <Command.List className="thin-scroll max-h-[50vh] overflow-y-auto p-1.5">
              <Command.Empty className="py-8 text-center text-faint">Nothing of that name.</Command.Empty>
              <Group title="Screens">
                <Item icon={<FileSpreadsheet />} onSelect={then(() => navigate({ to: "/w/$workspace/documents", params: { workspace } }))}>Documents</Item>
                <Item icon={<History />} onSelect={then(() => navigate({ to: "/w/$workspace/runs", params: { workspace } }))}>Runs</Item>
                <Item icon={<Blocks />} onSelect={then(() => navigate({ to: "/w/$workspace/configs", params: { workspace } }))}>Configs</Item>
                <Item icon={<Settings />} onSelect={then(() => navigate({ to: "/w/$workspace/settings", params: { workspace } }))}>Settings</Item>
              </Group>
              {configs?.data.length ? (
                <Group title="Configs">
                  {configs.data.map((config) => (
                    <Item key={config.id} value={`config ${config.name} ${config.id}`} icon={<Blocks />} onSelect={then(() => navigate({ to: "/w/$workspace/configs/$config", params: { workspace, config: config.id } }))}>
                      {config.name}
                    </Item>
                  ))}
                </Group>
              ) : null}
              {runs?.pages[0]?.data.length ? (
                <Group title="Latest runs">
                  {runs.pages[0].data.slice(0, 8).map((run) => (
                    <Item key={run.id} value={`run ${run.input_documents.map(({ name }) => name).join(" ")} ${run.id}`} icon={<Play />} onSelect={then(() => navigate({ to: "/w/$workspace/runs/$run", params: { workspace, run: run.id } }))}>
                      <span className="truncate">{run.input_documents.map(({ name }) => name).join(", ") || shortId(run.id)}</span>
                      <span className="ml-auto shrink-0 text-xs text-faint">{run.status} · {ago(run.created)}</span>
                    </Item>
                  ))}
                </Group>
              ) : null}
              {(workspaces?.data.length ?? 0) > 1 ? (
                <Group title="Workspaces">
                  {workspaces?.data.map(({ id, name }) => (
                    <Item key={id} value={`workspace ${name} ${id}`} icon={<Blocks />} onSelect={then(() => navigate({ to: "/w/$workspace/documents", params: { workspace: id } }))}>
                      {name}
                    </Item>
                  ))}
                </Group>
              ) : null}
              <Group title="This console">
                <Item icon={<Sun />} onSelect={then(() => setTheme("light"))}>Light theme</Item>
                <Item icon={<Moon />} onSelect={then(() => setTheme("dark"))}>Dark theme</Item>
                <Item icon={<Monitor />} onSelect={then(() => setTheme("system"))}>Theme of the system</Item>
                <Item icon={<LogOut />} onSelect={then(leave)}>Sign out</Item>
              </Group>
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Command.Group heading={title} className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:py-1 [&_[cmdk-group-heading]]:text-2xs [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-faint">
      {children}
    </Command.Group>
  );
}

function Item({ icon, children, ...rest }: { icon: ReactNode; children: ReactNode; value?: string; onSelect: () => void }) {
  return (
    <Command.Item {...rest} className="flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 data-[selected=true]:bg-ink/6 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-faint">
      {icon}
      {children}
    </Command.Item>
  );
}
