// What stands where there is nothing to show: not yet, nothing, or something went wrong.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../lib/api";
import { plain } from "../lib/format";
import "./empty.css";

/** Says nothing for the first 300 ms: what comes at once does not flicker. */
export function Loading({ what }: { what: string }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="empty" role="status">
      {late ? (
        <>
          <span class="turning" aria-hidden="true" /> Loading {what} …
        </>
      ) : null}
    </p>
  );
}

/** title: "No events in this time"; below it why that may be, and what to do. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty" role="status">
      <b class="empty-title">{title}</b>
      {children ? <p>{children}</p> : null}
    </div>
  );
}

const ADVICE: Record<string, string> = {
  unreachable: "Does the agent still run? This page connects again by itself.",
  permission: "Log in with a token of a higher role.",
  unauthenticated: "Log in again.",
  unavailable: "The module is starting, or it has failed; the page Agent tells.",
  "not-found": "It is gone, or this agent does not have it.",
};

export function Failed({ what, error, retry }: { what: string; error: unknown; retry?: () => void }) {
  const api = error instanceof ApiError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div class="empty failed" role="alert">
      <b class="empty-title">⚠ {what} could not be loaded</b>
      <p>
        {plain(message)}
        {api?.path ? ` (${plain(api.path)})` : ""}
        {api && ADVICE[api.code] ? `. ${ADVICE[api.code]}` : ""}
      </p>
      {retry ? (
        <button type="button" onClick={retry}>
          Try again
        </button>
      ) : null}
    </div>
  );
}
