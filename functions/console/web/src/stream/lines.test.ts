import { expect, test } from "vitest";
import { LineSplitter } from "./lines";

const bytes = (text: string) => new TextEncoder().encode(text);

test("lines come out whole, however they are cut", () => {
  const text = '{"a":"ünï çödé 🙂"}\n\n{"b":2}\n{"c":"漢字"}\n';
  const whole = bytes(text);
  for (let size = 1; size <= whole.length; size++) {
    const splitter = new LineSplitter();
    const lines: string[] = [];
    for (let at = 0; at < whole.length; at += size) lines.push(...splitter.push(whole.subarray(at, at + size)));
    expect(lines, `pieces of ${size}`).toEqual(['{"a":"ünï çödé 🙂"}', '{"b":2}', '{"c":"漢字"}']);
  }
});

test("what has no line feed yet is not a line", () => {
  const splitter = new LineSplitter();
  expect(splitter.push(bytes('{"a":1}\n{"b"'))).toEqual(['{"a":1}']);
  expect(splitter.push(bytes(":2}"))).toEqual([]);
  expect(splitter.push(bytes("\n"))).toEqual(['{"b":2}']);
});
