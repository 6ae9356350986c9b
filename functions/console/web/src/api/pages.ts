import type { Page } from "./queries";

/** The most that a page may hold. */
const LARGEST = 200;

/** The whole of a list, which is read page by page; for lists that people keep short. */
export async function everyPage<T>(read: (page: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<{ data: T[] }> {
  const all: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const { data, next_cursor } = await read({ limit: LARGEST, ...(cursor === undefined ? {} : { cursor }) });
    all.push(...data);
    if (!next_cursor) return { data: all };
    cursor = next_cursor;
  }
}
