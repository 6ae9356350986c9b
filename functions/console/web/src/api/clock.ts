/**
 * The server's clock, which times of records are by, as far as its answers tell it.
 *
 * An answer's `Date` is a whole second, and lies between the moment at which the question was sent and that at which the answer came:
 * each answer says how far the clocks can be apart at most, and together they say it more and more exactly.
 */
import { api } from "./client";

export class Clock {
  #least = -Infinity;
  #most = Infinity;

  /** How far the server's clock is ahead of this device's, in milliseconds. Clocks that may well agree are taken to. */
  get ahead(): number {
    if (this.#least <= 0 && this.#most >= 0) return 0;
    return this.#least > 0 ? this.#least : this.#most;
  }

  /** Learns from an answer that gave its time as `date`; all of them in milliseconds. */
  learn(date: number, sent: number, received: number): void {
    const [least, most] = [date - received, date + 1000 - sent];
    const agrees = least <= this.#most && most >= this.#least;
    // One of the clocks was set since.
    this.#least = agrees ? Math.max(this.#least, least) : least;
    this.#most = agrees ? Math.min(this.#most, most) : most;
  }
}

const clock = new Clock();
const sent = new WeakMap<Request, number>();

api.use({
  onRequest: ({ request }) => void sent.set(request, Date.now()),
  onResponse: ({ request, response }) => {
    const [date, asked] = [Date.parse(response.headers.get("date") ?? ""), sent.get(request)];
    if (!Number.isNaN(date) && asked !== undefined) clock.learn(date, asked, Date.now());
  },
});

/** How far the server's clock is ahead of this device's, in milliseconds. */
export function clockAhead(): number {
  return clock.ahead;
}
