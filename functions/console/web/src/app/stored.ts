import { useCallback, useState } from "react";

/** State that this browser remembers, under a name. */
export function useStored<T>(name: string, initial: T): [T, (value: T) => void] {
  const key = `ade.${name}`;
  const [value, setValue] = useState<T>(() => readStored(name, initial));
  const set = useCallback(
    (changed: T) => {
      setValue(changed);
      writeStored(key.slice(4), changed);
    },
    [key],
  );
  return [value, set];
}

export function readStored<T>(name: string, initial: T): T {
  try {
    const text = localStorage.getItem(`ade.${name}`);
    return text === null ? initial : (JSON.parse(text) as T);
  } catch {
    return initial;
  }
}

export function writeStored(name: string, value: unknown): void {
  try {
    localStorage.setItem(`ade.${name}`, JSON.stringify(value));
  } catch {
    // Full or blocked: it is not remembered, and nothing else depends on it.
  }
}
