/** The open files of a workbench: what was read, what was typed, and whether both are the same. */
import type { EditorState } from "@codemirror/state";
import { useSyncExternalStore } from "react";
import { type ConfigKey, type FileContent, readFile, writeFile } from "@/api/config-files";
import { Problem } from "@/api/problem";
import { readStored, writeStored } from "@/app/stored";
import { editorState } from "./editor";

export interface OpenFile {
  path: string;
  /** The state that was read or written last. */
  etag: string;
  saved: string;
  /** How its lines end. */
  eol: "\n" | "\r\n";
  /** Undefined for what is not text. */
  state: EditorState | undefined;
  dirty: boolean;
}

/** Somebody else changed the file that was to be saved. */
export interface Conflict {
  path: string;
  mine: string;
  /** Undefined when the file is gone. */
  theirs: FileContent | undefined;
}

export class Workfiles {
  files: OpenFile[] = [];
  active: string | undefined;
  conflict: Conflict | undefined;
  readonly key: ConfigKey;
  #version = 0;
  readonly #listeners = new Set<() => void>();

  constructor(key: ConfigKey) {
    this.key = key;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): number => this.#version;

  #changed(): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  get(path: string | undefined): OpenFile | undefined {
    return this.files.find((file) => file.path === path);
  }

  get dirty(): OpenFile[] {
    return this.files.filter((file) => file.dirty);
  }

  /** Opens the files that were open the last time. */
  async restore(existing: string[]): Promise<void> {
    const { paths = [], active } = readStored<{ paths?: string[]; active?: string }>(`workbench.${this.key.config}`, {});
    for (const path of paths.filter((path) => existing.includes(path))) await this.open(path).catch(() => undefined);
    if (this.get(active)) this.show(active);
  }

  async open(path: string): Promise<void> {
    if (!this.get(path)) {
      const content = await readFile(this.key, path);
      if (!this.get(path)) this.files = [...this.files, this.#file(path, content)];
    }
    this.show(path);
  }

  show(path: string | undefined): void {
    this.active = path;
    this.#remember();
    this.#changed();
  }

  close(path: string): void {
    const at = this.files.findIndex((file) => file.path === path);
    this.files = this.files.filter((file) => file.path !== path);
    if (this.active === path) this.active = (this.files[at] ?? this.files[at - 1])?.path;
    this.#remember();
    this.#changed();
  }

  /** Reads the open files again after all of them were replaced; those that are gone are closed. */
  async reload(existing: string[]): Promise<void> {
    const kept = this.files.map(({ path }) => path).filter((path) => existing.includes(path));
    this.files = await Promise.all(kept.map(async (path) => this.#file(path, await readFile(this.key, path))));
    if (!this.get(this.active)) this.active = kept[0];
    this.#remember();
    this.#changed();
  }

  renamed(from: string, to: string, etag: string): void {
    const file = this.get(from);
    if (file) Object.assign(file, { path: to, etag });
    if (this.active === from) this.active = to;
    this.files = [...this.files];
    this.#remember();
    this.#changed();
  }

  /** Saves what was typed. When somebody else was faster, `conflict` says so and nothing is lost. */
  async save(path: string): Promise<boolean> {
    const file = this.get(path);
    if (!file?.state || !file.dirty) return true;
    const text = textOf(file, file.state);
    try {
      const etag = await writeFile(this.key, path, text, file.etag);
      this.#saved(file, text, etag);
      return true;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 412) throw error;
      const theirs = await readFile(this.key, path).catch((gone: unknown) => {
        if (gone instanceof Problem && gone.status === 404) return undefined;
        throw gone;
      });
      this.conflict = { path, mine: text, theirs };
      this.#changed();
      return false;
    }
  }

  async saveAll(): Promise<boolean> {
    for (const { path } of this.dirty) if (!(await this.save(path))) return false;
    return true;
  }

  /** Ends a conflict: `mine` replaces what the other one wrote, `theirs` replaces what was typed here. */
  async resolve(choice: "mine" | "theirs" | "later"): Promise<void> {
    const conflict = this.conflict;
    const file = this.get(conflict?.path);
    this.conflict = undefined;
    if (conflict && file && choice === "mine") {
      const etag = await writeFile(this.key, conflict.path, conflict.mine, conflict.theirs?.etag);
      this.#saved(file, conflict.mine, etag);
    } else if (conflict && file && choice === "theirs") {
      if (conflict.theirs) {
        this.files = this.files.map((other) => (other === file ? this.#file(file.path, conflict.theirs!) : other));
      } else {
        this.close(file.path);
      }
    }
    this.#changed();
  }

  #saved(file: OpenFile, text: string, etag: string): void {
    file.etag = etag;
    file.saved = text;
    file.dirty = file.state !== undefined && textOf(file, file.state) !== text;
    this.files = [...this.files];
    this.#changed();
  }

  /** Takes in what an editor made of a file. */
  typed(path: string, state: EditorState): void {
    const file = this.get(path);
    if (!file) return;
    const same = file.state?.doc === state.doc;
    file.state = state;
    if (same) return;
    const dirty = textOf(file, state) !== file.saved;
    if (dirty === file.dirty) return;
    file.dirty = dirty;
    this.files = [...this.files];
    this.#changed();
  }

  #file(path: string, { etag, text }: FileContent): OpenFile {
    const file: OpenFile = { path, etag, saved: text ?? "", eol: text?.includes("\r\n") ? "\r\n" : "\n", state: undefined, dirty: false };
    if (text === undefined) return file;
    file.state = editorState(path, text, (state) => this.typed(file.path, state));
    return file;
  }

  #remember(): void {
    writeStored(`workbench.${this.key.config}`, { paths: this.files.map(({ path }) => path), active: this.active });
  }
}

function textOf({ eol }: OpenFile, { doc }: EditorState): string {
  return doc.sliceString(0, doc.length, eol);
}

export function useWorkfiles(files: Workfiles): Workfiles {
  useSyncExternalStore(files.subscribe, files.snapshot);
  return files;
}
