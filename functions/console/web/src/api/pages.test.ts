import { expect, test } from "vitest";
import { everyPage } from "./pages";

/** A list of so many numbers, as the API hands it out. */
function listOf(total: number) {
  const asked: (string | undefined)[] = [];
  const read = async ({ limit, cursor }: { limit: number; cursor?: string }) => {
    asked.push(cursor);
    const from = Number(cursor ?? 0);
    const to = Math.min(total, from + limit);
    return { data: Array.from({ length: to - from }, (_, index) => from + index), has_more: to < total, next_cursor: to < total ? String(to) : null };
  };
  return { asked, read };
}

test("a list is read to its end, page after page", async () => {
  const { asked, read } = listOf(450);
  expect((await everyPage(read)).data).toEqual(Array.from({ length: 450 }, (_, index) => index));
  expect(asked).toEqual([undefined, "200", "400"]);
});

test("an empty list, and one that fills its page, are asked for once", async () => {
  for (const total of [0, 200]) {
    const { asked, read } = listOf(total);
    expect((await everyPage(read)).data.length).toBe(total);
    expect(asked).toEqual([undefined]);
  }
});

test("a refusal of any page is a refusal of the list", async () => {
  const { read } = listOf(450);
  await expect(everyPage((page) => (page.cursor === "400" ? Promise.reject(new Error("gone")) : read(page)))).rejects.toThrow("gone");
});
