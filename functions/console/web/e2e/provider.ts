/** An OpenID Connect provider that lets everybody in as one person: discovery, authorization with PKCE, tokens, renewal. */
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

const text = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

export class Provider {
  url = "";
  /** How often a token was issued for each kind of grant. */
  readonly issued = { authorization_code: 0, refresh_token: 0 };
  readonly #key = generateKeyPairSync("rsa", { modulusLength: 2048 });
  readonly #codes = new Map<string, URLSearchParams>();
  readonly #server: Server;

  private constructor(readonly subject: string, readonly client: string) {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(subject: string, client: string): Promise<Provider> {
    const provider = new Provider(subject, client);
    await new Promise<void>((resolve) => provider.#server.listen(0, "127.0.0.1", resolve));
    provider.url = `http://127.0.0.1:${(provider.#server.address() as AddressInfo).port}`;
    return provider;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.url);
    const json = (status: number, body: unknown) => response.writeHead(status, { "Content-Type": "application/json", "Access-Control-Allow-Origin": "*" }).end(JSON.stringify(body));
    if (pathname === "/.well-known/openid-configuration") {
      json(200, { issuer: this.url, authorization_endpoint: `${this.url}/authorize`, token_endpoint: `${this.url}/token`, jwks_uri: `${this.url}/.well-known/jwks.json` });
    } else if (pathname === "/.well-known/jwks.json") {
      json(200, { keys: [{ ...this.#key.publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }] });
    } else if (pathname === "/authorize") {
      const back = new URL(searchParams.get("redirect_uri") ?? this.url);
      back.searchParams.set("state", searchParams.get("state") ?? "");
      if (searchParams.get("response_type") === "code" && searchParams.get("client_id") === this.client && searchParams.get("code_challenge_method") === "S256") {
        const code = randomUUID();
        this.#codes.set(code, searchParams);
        back.searchParams.set("code", code);
      } else {
        back.searchParams.set("error", "invalid_request");
      }
      response.writeHead(302, { Location: back.href }).end();
    } else if (pathname === "/token") {
      let body = "";
      for await (const piece of request) body += String(piece);
      const form = new URLSearchParams(body);
      const grant = form.get("grant_type") as keyof Provider["issued"];
      if (!(grant === "authorization_code" ? this.#redeems(form) : form.get("refresh_token") === "again")) return void json(400, { error: "invalid_grant" });
      this.issued[grant] += 1;
      json(200, { access_token: this.#token(), token_type: "Bearer", refresh_token: "again", expires_in: grant === "authorization_code" ? 31 : 3600 });
    } else {
      json(404, {});
    }
  }

  #redeems(form: URLSearchParams): boolean {
    const code = form.get("code") ?? "";
    const asked = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
    return asked?.get("code_challenge") === challenge && asked.get("redirect_uri") === form.get("redirect_uri") && form.get("client_id") === this.client;
  }

  #token(): string {
    const now = Math.floor(Date.now() / 1000);
    const message = `${text({ alg: "RS256", kid: "one", typ: "JWT" })}.${text({ iss: this.url, sub: this.subject, aud: this.client, iat: now, exp: now + 3600, name: "Ada Okafor" })}`;
    return `${message}.${sign("sha256", Buffer.from(message), this.#key.privateKey).toString("base64url")}`;
  }
}
