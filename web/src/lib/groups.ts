// Order among control groups: who is above whom, and what somebody runs as one thing. Pure.
import { plain } from "./format";
import type { Container } from "./feed";

export const isSlice = (row: Container): boolean => row.kind === "unit" && row.name.endsWith(".slice");

/** The nearest group above a path that has a row; the rows of "/" and of no group are below nothing. */
export function parentOf(name: string, has: (name: string) => boolean): string | undefined {
  for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1)) {
    const above = name.slice(0, at);
    if (has(above)) return above;
  }
  return name !== "/" && has("/") ? "/" : undefined;
}

/** What runs here, each once: containers and services with all that is below them, and groups that hold no other. */
export function workloads(rows: ReadonlyMap<string, Container>): Container[] {
  const has = (name: string) => rows.has(name);
  const whole = (row: Container) => row.kind === "container" || (row.kind === "unit" && !isSlice(row));
  const holders = new Set<string>();
  const inside = (row: Container): boolean => {
    for (let above = parentOf(row.name, has); above; above = parentOf(above, has)) if (whole(rows.get(above)!)) return true;
    return false;
  };
  for (const row of rows.values()) {
    const above = parentOf(row.name, has);
    if (above) holders.add(above);
  }
  return [...rows.values()].filter((row) => (whole(row) || (row.kind === "group" && !holders.has(row.name))) && !inside(row));
}

/** What its engine, or systemd, or at least its path calls it; of ids as long as a digest the begin, as engines show them. */
export const titleOf = (row: Pick<Container, "name" | "alias" | "unit">): string =>
  row.name === "/"
    ? "the whole host"
    : plain(row.alias || row.unit || row.name.slice(row.name.lastIndexOf("/") + 1)).replace(/[0-9a-f]{32,}/g, (id) => id.slice(0, 12));

export const KINDS: Record<Container["kind"], string> = { container: "container", unit: "unit", group: "group", root: "host" };

/** How the address says a group: without its leading slash; the host is "/" itself. */
export const pathOf = (name: string): string => (name === "/" ? "/" : name.slice(1));
