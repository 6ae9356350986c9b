/** What the API says when it refuses something (RFC 9457), and what we say when it can't be reached. */
export interface FieldProblem {
  path: string;
  code: string;
  message: string;
}

const OFFLINE = "offline";

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly fields: FieldProblem[];
  /** In how many seconds to ask again, as the answer says. */
  readonly retryAfter: number | undefined;
  /** Members that only some problems have. */
  readonly members: Record<string, unknown>;

  constructor(status: number, code: string, detail: string, requestId?: string, fields: FieldProblem[] = [], members: Record<string, unknown> = {}, retryAfter?: number) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.fields = fields;
    this.members = members;
    this.retryAfter = retryAfter;
  }

  /** ADE did not answer. */
  get isOffline(): boolean {
    return this.code === OFFLINE;
  }

  /** It may work a moment later: nobody answered, or not now. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  static async of(response: Response): Promise<Problem> {
    const requestId = response.headers.get("x-request-id") ?? undefined;
    // The API gives seconds, never a date.
    const retryAfter = Number(response.headers.get("retry-after")) || undefined;
    try {
      const body = (await response.json()) as Record<string, unknown>;
      const text = (name: string) => (typeof body[name] === "string" ? body[name] : undefined);
      const fields = Array.isArray(body["errors"]) ? (body["errors"] as FieldProblem[]) : [];
      const detail = text("detail") ?? text("title") ?? `The server answered ${response.status}.`;
      return new Problem(response.status, text("code") ?? "unknown", detail, text("request_id") ?? requestId, fields, body, retryAfter);
    } catch {
      return new Problem(response.status, "unknown", `The server answered ${response.status} without saying why.`, requestId, [], {}, retryAfter);
    }
  }

  static offline(): Problem {
    return new Problem(0, OFFLINE, "ADE can't be reached. Is it running, and is this device online?");
  }

  /** Any error as a problem. Who asks for something says what it means when nothing arrives: other errors are faults of this page. */
  static from(error: unknown): Problem {
    if (error instanceof Problem) return error;
    return new Problem(-1, "console", error instanceof Error ? error.message : String(error));
  }
}
