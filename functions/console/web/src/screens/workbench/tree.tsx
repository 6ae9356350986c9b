import { ChevronDown, ChevronRight, FileCode2, FileText, Folder } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import type { FileEntry } from "@/api/config-files";
import { cn } from "@/lib/cn";

interface Node {
  name: string;
  path: string;
  children: Node[] | undefined;
}

/** Paths as a tree: folders first, then files, each by name. */
export function treeOf(paths: string[]): Node[] {
  const root: Node = { name: "", path: "", children: [] };
  for (const path of paths) {
    let folder = root;
    const parts = path.split("/");
    parts.forEach((name, depth) => {
      const here = parts.slice(0, depth + 1).join("/");
      const isFile = depth === parts.length - 1;
      let node = folder.children!.find((child) => child.name === name);
      if (!node) {
        node = { name, path: here, children: isFile ? undefined : [] };
        folder.children!.push(node);
      }
      folder = node;
    });
  }
  const sort = (nodes: Node[]): Node[] =>
    nodes
      .map((node) => (node.children ? { ...node, children: sort(node.children) } : node))
      .sort((one, other) => Number(!one.children) - Number(!other.children) || one.name.localeCompare(other.name));
  return sort(root.children!);
}

/** The files of a config. Arrow keys move, Enter opens, F2 renames. */
export function Tree({ files, active, dirty, problems, onOpen, onRename }: { files: FileEntry[]; active: string | undefined; dirty: string[]; problems: Map<string, number>; onOpen: (path: string) => void; onRename: (path: string) => void }) {
  const nodes = useMemo(() => treeOf(files.map(({ path }) => path)), [files]);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState<string>();
  const list = useRef<HTMLUListElement>(null);

  const rows = useMemo(() => {
    const rows: { node: Node; depth: number }[] = [];
    const walk = (nodes: Node[], depth: number) => {
      for (const node of nodes) {
        rows.push({ node, depth });
        if (node.children && !closed.has(node.path)) walk(node.children, depth + 1);
      }
    };
    walk(nodes, 0);
    return rows;
  }, [nodes, closed]);

  const toggle = (path: string, open?: boolean) =>
    setClosed((before) => {
      const after = new Set(before);
      if (open ?? after.has(path)) after.delete(path);
      else after.add(path);
      return after;
    });
  const focus = (path: string | undefined) => {
    if (path === undefined) return;
    setFocused(path);
    list.current?.querySelector<HTMLElement>(`[data-path="${CSS.escape(path)}"]`)?.focus();
  };
  const onKey = (event: KeyboardEvent, { node }: { node: Node }) => {
    const at = rows.findIndex((row) => row.node === node);
    const keys: Record<string, () => void> = {
      ArrowDown: () => focus(rows[at + 1]?.node.path),
      ArrowUp: () => focus(rows[at - 1]?.node.path),
      Home: () => focus(rows[0]?.node.path),
      End: () => focus(rows.at(-1)?.node.path),
      ArrowRight: () => (node.children && closed.has(node.path) ? toggle(node.path, true) : focus(rows[at + 1]?.node.path)),
      ArrowLeft: () => (node.children && !closed.has(node.path) ? toggle(node.path, false) : focus(node.path.includes("/") ? node.path.slice(0, node.path.lastIndexOf("/")) : undefined)),
      Enter: () => (node.children ? toggle(node.path) : onOpen(node.path)),
      " ": () => (node.children ? toggle(node.path) : onOpen(node.path)),
      F2: () => (node.children ? undefined : onRename(node.path)),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const problemsOf = (number: number) => (number === 1 ? "1 problem" : `${number} problems`);
  const entry = rows.some(({ node }) => node.path === focused) ? focused : (active ?? rows[0]?.node.path);

  return (
    <ul ref={list} role="tree" aria-label="Files" className="flex flex-col py-1">
      {rows.map((row) => {
        const { node, depth } = row;
        const isFolder = node.children !== undefined;
        const count = problems.get(node.path);
        return (
          <li
            key={node.path}
            role="treeitem"
            aria-level={depth + 1}
            aria-expanded={isFolder ? !closed.has(node.path) : undefined}
            aria-selected={node.path === active}
            aria-keyshortcuts={isFolder ? undefined : "F2"}
            tabIndex={node.path === entry ? 0 : -1}
            data-path={node.path}
            onFocus={() => setFocused(node.path)}
            onKeyDown={(event) => onKey(event, row)}
            onClick={() => (isFolder ? toggle(node.path) : onOpen(node.path))}
            style={{ paddingLeft: `${depth * 14 + 10}px` }}
            className={cn("flex h-7 cursor-pointer items-center gap-1.5 pr-2 text-[13px] text-soft -outline-offset-2 hover:bg-ink/6 [&_svg]:size-3.5 [&_svg]:shrink-0", node.path === active && "bg-ink/6 text-ink")}
          >
            {isFolder ? closed.has(node.path) ? <ChevronRight /> : <ChevronDown /> : null}
            {isFolder ? <Folder className="text-faint" /> : node.name.endsWith(".py") ? <FileCode2 className="text-info" /> : <FileText className="text-faint" />}
            <span className={cn("truncate", count && "text-bad")}>{node.name}</span>
            {dirty.includes(node.path) ? <span className="ml-auto size-2 shrink-0 rounded-full bg-accent" role="img" aria-label="not saved" /> : count ? <span className="num ml-auto text-2xs text-bad" aria-label={problemsOf(count)}>{count}</span> : null}
          </li>
        );
      })}
    </ul>
  );
}
