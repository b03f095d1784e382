// The agent's HTTP API: who we are, requests, and streams of server-sent events. Errors are ApiError with the API's own
// code and path. The token lives in sessionStorage, never in the address.
import { batch, signal } from "@preact/signals";

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: the agent was not reached
    readonly code: string,
    message: string,
    readonly path?: string,
  ) {
    super(message);
  }
}

export interface Identity {
  identity: string;
  role: "viewer" | "investigator" | "admin" | "none";
  host: string;
  version: string;
  privacy: boolean;
}

export interface ModuleSummary {
  name: string;
  summary: string;
  area: string;
  role: string;
  shape: string;
  persistent: boolean;
  local_only: boolean;
}

const KEY = "tarsier-token";
let token = takeToken();

/** Known after the first answer; null while nobody is logged in. */
export const me = signal<Identity | null>(null);
/** "connecting" before the first answer, "up", "down" while the agent does not answer, "login" when it wants a token. */
export const connection = signal<"connecting" | "up" | "down" | "login">("connecting");
/** What this agent has; empty until it is known. A page shows itself by what is here. */
export const modules = signal<ReadonlyMap<string, ModuleSummary>>(new Map());
/** Names of the persistent modules that run now. */
export const running = signal<ReadonlySet<string>>(new Set());

/** Seconds that the host's clock is ahead of the browser's, when that is more than 2: each answer tells. */
export let skew = 0;

const roles = ["none", "viewer", "investigator", "admin"];
export const mayDo = (role: string): boolean => roles.indexOf(me.value?.role ?? "none") >= roles.indexOf(role);

/** A token in the fragment (`#token=…`, as `./dev run` prints it) is taken and leaves the address at once. */
function takeToken(): string {
  const given = location.hash.startsWith("#token=") && new URLSearchParams(location.hash.slice(1).replace(/\+/g, "%2B")).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", `${location.pathname}#/`);
  }
  return sessionStorage.getItem(KEY) ?? "";
}
// one that is pasted into the address of a page that is there already
addEventListener("hashchange", () => takeToken() !== token && location.reload());

function headers(more?: Record<string, string>): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}`, ...more } : { ...more };
}

async function failure(response: Response): Promise<ApiError> {
  let code = "http";
  let message = `${response.status} ${response.statusText}`;
  let path: string | undefined;
  try {
    const body = (await response.json()) as { error?: { code?: string; message?: string; path?: string } };
    code = body.error?.code ?? code;
    message = body.error?.message ?? message;
    path = body.error?.path;
  } catch {
    // not the API's own: a proxy between us and the agent
  }
  if (response.status === 401) connection.value = "login";
  return new ApiError(response.status, code, message, path);
}

async function send(method: string, path: string, body: unknown, signal?: AbortSignal, accept = "application/json") {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: headers(body === undefined ? { Accept: accept } : { Accept: accept, "Content-Type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    if (connection.value !== "login") connection.value = "down";
    throw new ApiError(0, "unreachable", "the agent does not answer");
  }
  const ahead = Date.parse(response.headers.get("Date") ?? "") / 1000 - Date.now() / 1000;
  if (Math.abs(ahead - skew) > 2) skew = Math.abs(ahead) > 2 ? ahead : 0;
  if (!response.ok) throw await failure(response);
  if (connection.value === "down") connection.value = "up";
  return response;
}

/** GET unless a body or a method is given; paths are those of the API ("/v1/status"). */
export async function request<T>(
  path: string,
  options: { method?: string; body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const method = options.method ?? (options.body === undefined ? "GET" : "POST");
  const response = await send(method, path, options.body, options.signal);
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** The answer as text, whatever its type. */
export async function requestText(path: string, abort?: AbortSignal): Promise<string> {
  return (await send("GET", path, undefined, abort, "*/*")).text();
}

export interface StreamEvent {
  id: string;
  event: string;
  data: string;
}

/** Blocks of server-sent events out of pieces of text: pure, so that a cut between any two bytes does no harm. */
export class EventParser {
  private rest = "";
  private id = "";
  constructor(private readonly take: (event: StreamEvent) => void) {}
  feed(text: string): void {
    this.rest += text;
    for (let end = this.rest.indexOf("\n\n"); end >= 0; end = this.rest.indexOf("\n\n")) {
      const block = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 2);
      let event = "message";
      const data: string[] = [];
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
        if (field === "event") event = value;
        else if (field === "id") this.id = value;
        else if (field === "data") data.push(value);
      }
      if (data.length) this.take({ id: this.id, event, data: data.join("\n") });
    }
  }
}

export interface StreamOptions {
  event: (event: StreamEvent) => void;
  /** The connection was lost (error set) or is there again (null). */
  state?: (error: ApiError | null) => void;
  /** Ends after the first whole answer instead of connecting anew: a run's events. */
  once?: boolean;
  /** With `once`: the answer is over. */
  ended?: () => void;
  /** Goes on behind the event of this number. */
  after?: number;
  body?: unknown;
}

/** Follows a stream until the function that is returned is called; lost connections come back behind the last
 * event, after 1, 2, 4 … 15 seconds. While the page is hidden a stream stays: closing it is its owner's decision. */
export function stream(path: string, options: StreamOptions): () => void {
  const abort = new AbortController();
  let last = options.after ? String(options.after) : "";
  let delay = 1000;
  const follow = async (): Promise<void> => {
    while (!abort.signal.aborted) {
      try {
        const join = path.includes("?") ? "&" : "?";
        const url = last && !options.once ? `${path}${join}after=${encodeURIComponent(last)}` : path;
        const response = await send(options.body === undefined ? "GET" : "POST", url, options.body, abort.signal, "text/event-stream");
        options.state?.(null);
        delay = 1000;
        const parser = new EventParser((event) => {
          last = event.id;
          options.event(event);
        });
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          parser.feed(value);
        }
        if (options.once) return options.ended?.();
        options.state?.(new ApiError(0, "ended", "the stream ended"));
      } catch (error) {
        if (abort.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(0, "unreachable", "the connection was lost");
        options.state?.(told);
        if (options.once || (told.status >= 400 && told.status < 500 && told.status !== 429)) return;
      }
      await new Promise((resolve) => setTimeout(resolve, delay));
      delay = Math.min(delay * 2, 15_000);
    }
  };
  void follow();
  return () => abort.abort();
}

/** Who we are, and what the agent has: it may be another one after it was away. */
export async function look(): Promise<void> {
  const who = await request<Identity>("/v1/whoami");
  const [all] = await Promise.all([request<{ modules: ModuleSummary[] }>("/v1/modules"), lookAtServices()]);
  // at once: a page that is drawn must not find a module missing that is merely not known yet
  batch(() => {
    me.value = who;
    modules.value = new Map(all.modules.map((module) => [module.name, module]));
    connection.value = "up";
  });
}

let soon: ReturnType<typeof setTimeout> | undefined;

/** Which persistent modules run. An agent answers before all of them do: those on their way are looked at again soon. */
async function lookAtServices(): Promise<void> {
  const status = await request<{ services?: { name: string; state: string }[] }>("/v1/status");
  const up = (status.services ?? []).filter((service) => service.state === "ready" || service.state === "running");
  const names = new Set(up.map((service) => service.name));
  if ([...names].join() !== [...running.value].join()) running.value = names;
  clearTimeout(soon);
  if (status.services?.some(({ state }) => state === "waiting" || state === "starting"))
    soon = setTimeout(() => void lookAtServices().catch(() => undefined), 1000);
}

/** Keeps `connection`, `me`, `modules` and `running` true for as long as the page lives. */
export async function connect(): Promise<void> {
  setInterval(() => {
    if (me.value && connection.value !== "login") void lookAtServices().catch(() => undefined);
  }, 30_000);
  for (let delay = 1000; ; delay = Math.min(delay * 2, 10_000)) {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return void (connection.value = "login"); // logIn() goes on
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

/** Throws ApiError when the agent does not know the token. */
export async function logIn(given: string): Promise<void> {
  const again = me.value;
  token = given.trim();
  try {
    await look();
  } catch (error) {
    token = "";
    throw error;
  }
  sessionStorage.setItem(KEY, token);
  if (again) location.reload(); // what the old token asked for was refused for good
}

export function logOut(): void {
  sessionStorage.removeItem(KEY);
  token = "";
  location.reload();
}
