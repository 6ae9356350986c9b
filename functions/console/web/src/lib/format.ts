/** Numbers, sizes, times and durations in the words of this console. Times of the API are Unix seconds. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  // Whole seconds are what records have; they don't claim more.
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 9_950 && ms % 1000 !== 0 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** What lies between two times of records, which are whole seconds: of less than one nothing more is known. */
export function took(seconds: number): string {
  return seconds < 1 ? "< 1 s" : duration(seconds * 1000);
}

/** `just now`, `5 min ago`, `3 h ago`, then the date. */
export function ago(seconds: number, now = Date.now()): string {
  const past = Math.max(0, now / 1000 - seconds);
  if (past < 45) return "just now";
  if (past < 3600) return `${Math.max(1, Math.round(past / 60))} min ago`;
  if (past < 86_400) return `${Math.round(past / 3600)} h ago`;
  if (past < 7 * 86_400) return `${count(Math.round(past / 86_400), "day")} ago`;
  return day(seconds);
}

export function day(seconds: number): string {
  return new Date(seconds * 1000).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

/** Date and time, to the second. */
export function moment(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString("en", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
}

// A formatter costs far more to make than to use, and terminals show hundreds of times.
const CLOCK = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** `14:03:09` */
export function clock(seconds: number): string {
  return CLOCK.format(seconds * 1000);
}

/** Time since the beginning, as terminals show it: `+12.345`. */
export function elapsed(milliseconds: number): string {
  return `+${(milliseconds / 1000).toFixed(3)}`;
}

/** The last characters of an id, which tell ids apart; the first ones are the time. */
export function shortId(id: string): string {
  const [prefix, ulid] = id.split("_");
  return ulid ? `${prefix}_…${ulid.slice(-6)}` : id;
}

/** Why a run failed, without what its code says already: that a build did, and which. */
export function reason(message: string): string {
  return message.replace(/^the build failed: (.*) \(build_\w+\)$/s, "$1");
}

/** A machine's word as people read it: `engine_error` → `engine error`. */
export function words(code: string): string {
  return code.replaceAll("_", " ");
}
