/** The open files of a workbench: what was read, what was typed, and whether both are the same. */
import type { EditorState, StateEffect } from "@codemirror/state";
import { useSyncExternalStore } from "react";
import { type ConfigKey, type FileContent, readFile, writeFile } from "@/api/config-files";
import { Problem } from "@/api/problem";
import { readStored, writeStored } from "@/app/stored";
import { editorState, renamedState } from "./editor";
import type { Issue } from "./work";

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
  /** How far it was scrolled when something else was shown last. */
  scroll: StateEffect<unknown> | undefined;
  /** The issues that its state marks. They move with what is typed. */
  issues: Issue[] | undefined;
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
  /** What somebody wanted to see last: it may come later than what they wanted before. */
  #wanted: string | undefined;
  /** What was open the last time and has not been read yet. */
  #unread: string[] = [];
  readonly #saving = new Map<OpenFile, Promise<boolean>>();
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

  /** Opens the files that were open the last time, beside what is open already. Those that can't be read are told, and tried the next time. */
  async restore(existing: string[]): Promise<{ path: string; error: unknown }[]> {
    const { paths = [], active } = readStored<{ paths?: string[]; active?: string }>(`workbench.${this.key.config}`, {});
    const wanted = paths.filter((path) => existing.includes(path));
    const failures: { path: string; error: unknown }[] = [];
    this.#unread = wanted;
    const read = await Promise.all(
      wanted.map(async (path) => {
        const content = await readFile(this.key, path).catch((error: unknown) => void failures.push({ path, error }));
        return content && this.#file(path, content);
      }),
    );
    const restored = wanted.flatMap((path, index) => this.get(path) ?? read[index] ?? []);
    this.files = [...restored, ...this.files.filter((file) => !restored.includes(file))];
    this.#unread = failures.map(({ path }) => path);
    if (this.#wanted === undefined) this.active = (this.get(active) ?? this.files.at(-1))?.path;
    this.#remember();
    this.#changed();
    return failures;
  }

  async open(path: string): Promise<void> {
    this.#wanted = path;
    if (!this.get(path)) {
      const content = await readFile(this.key, path).catch((error: unknown) => {
        if (this.#wanted === path) this.#wanted = this.active;
        throw error;
      });
      if (!this.get(path)) this.files = [...this.files, this.#file(path, content)];
    }
    this.show(this.#wanted === path ? path : this.active);
  }

  show(path: string | undefined): void {
    this.active = path;
    if (path !== undefined) this.#wanted = path;
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
    if (file) Object.assign(file, { path: to, etag, state: file.state && renamedState(file.state, to) });
    if (this.active === from) this.active = to;
    this.files = [...this.files];
    this.#remember();
    this.#changed();
  }

  /** Saves what was typed, after any save of the file that is under way. When somebody else was faster, `conflict` says so and nothing is lost. */
  async save(path: string): Promise<boolean> {
    const file = this.get(path);
    if (!file) return true;
    for (let running = this.#saving.get(file); running; running = this.#saving.get(file)) if (!(await running)) return false;
    if (!file.state || !file.dirty) return true;
    const saving = this.#write(file, textOf(file, file.state)).finally(() => this.#saving.delete(file));
    this.#saving.set(file, saving);
    return saving;
  }

  async #write(file: OpenFile, text: string): Promise<boolean> {
    const { path } = file;
    try {
      this.#saved(file, text, await writeFile(this.key, path, text, file.etag));
      return true;
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 412) throw error;
      const theirs = await readFile(this.key, path).catch((gone: unknown) => {
        if (gone instanceof Problem && gone.status === 404) return undefined;
        throw gone;
      });
      if (theirs?.text === text) {
        // It was ours: only the answer was lost.
        this.#saved(file, text, theirs.etag);
        return true;
      }
      this.conflict = { path, mine: text, theirs };
      this.#changed();
      return false;
    }
  }

  async saveAll(): Promise<boolean> {
    for (const { path } of this.files) if (!(await this.save(path))) return false;
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
  typed(file: OpenFile, state: EditorState): void {
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
    const file: OpenFile = { path, etag, saved: text ?? "", eol: text?.includes("\r\n") ? "\r\n" : "\n", state: undefined, dirty: false, scroll: undefined, issues: undefined };
    if (text === undefined) return file;
    file.state = editorState(path, text, (state) => this.typed(file, state));
    return file;
  }

  #remember(): void {
    writeStored(`workbench.${this.key.config}`, { paths: [...this.files.map(({ path }) => path), ...this.#unread.filter((path) => !this.get(path))], active: this.active });
  }
}

function textOf({ eol }: OpenFile, { doc }: EditorState): string {
  return doc.sliceString(0, doc.length, eol);
}

export function useWorkfiles(files: Workfiles): Workfiles {
  useSyncExternalStore(files.subscribe, files.snapshot);
  return files;
}
