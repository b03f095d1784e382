// What pages with a Log have in common.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { count } from "../lib/format";
import type { Log } from "../lib/log";
import { Badge } from "./badge";
import { Failed, Loading } from "./empty";

type AnyLog = Log<{ id: number }>;

/** One log for as long as `on` stays the same. */
export function useLog<L extends AnyLog>(make: () => L, on: readonly unknown[]): L | null {
  const [log, setLog] = useState<L | null>(null);
  // at once: rows of another question are not marked by who is fast
  useLayoutEffect(() => {
    const made = make();
    setLog(made);
    return () => made.close();
  }, on);
  return log;
}

export function LogSigns({ log }: { log: AnyLog | null }) {
  if (!log) return null;
  const { cut, live, missed, dropped } = log;
  return (
    <>
      {cut.value && live.value ? <Badge tone="warn">stands still: {cut}</Badge> : null}
      {missed.value ? <Badge tone="warn" title="This page was too slow; load it anew to see them">{count(missed.value)} not received</Badge> : null}
      {dropped.value ? <Badge tone="warn" title="The page holds no more; the oldest went">{count(dropped.value)} dropped here</Badge> : null}
    </>
  );
}

/** children: what is said when there are none. */
export function LogState({ log, what, children }: { log: AnyLog | null; what: string; children: ComponentChildren }) {
  if (!log || log.loading.value) return <Loading what={what} />;
  if (log.error.value) return <Failed what={`The ${what}`} error={log.error.value} retry={() => void log.load()} />;
  return <>{children}</>;
}
