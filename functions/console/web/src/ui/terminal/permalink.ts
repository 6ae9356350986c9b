/** Lines in the address: `#L120` or `#L120-140`. */
export interface Range {
  from: number;
  to: number;
}

export function parseRange(hash: string): Range | undefined {
  const match = /^#?L(\d{1,9})(?:-(\d{1,9}))?$/.exec(hash);
  if (!match?.[1]) return undefined;
  const [one, other] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

/** The address of what is shown, or of lines of it. Written out: the page has a base, which an address of a hash alone would begin at. */
export function addressOf(range: Range | undefined): string {
  const { pathname, search } = window.location;
  return `${pathname}${search}${range ? `#${formatRange(range)}` : ""}`;
}

export function formatRange({ from, to }: Range): string {
  return from === to ? `L${from}` : `L${from}-${to}`;
}
