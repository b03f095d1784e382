// Tables and trees of any length: virtual rows, sort in the address, columns that give way on narrow screens, marks,
// everything by keyboard. The grid itself has the focus and aria-activedescendant names the row (WAI-ARIA APG, treegrid).
import type { Signal } from "@preact/signals";
import { Component, type ComponentChild, type ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { bindKeys } from "../lib/keys";
import { route, setQuery } from "../lib/route";
import { toast } from "./toast";
import { rowPixels, useRows } from "./virtual";
import "./table.css";

export type Value = string | number | undefined;

export interface Column<Row> {
  id: string; // in the address: sort=ID, sort=-ID
  title: string;
  hint?: string; // the long form of the title, for pointers and readers
  width: number; // least width, in em
  grow?: number; // share of what is left over; absent: keeps its width
  priority?: number; // 0 (when left out): always there; the higher, the sooner it gives way
  end?: boolean; // aligned to the end: figures
  cell: (row: Row) => ComponentChild;
  narrow?: { title: string; width: number; cell: (row: Row) => ComponentChild }; // instead of these, on phones
  value?: (row: Row) => Value; // sorts by it and is the cell in CSV; without it the column is not sorted
  text?: (row: Row) => Value; // the cell in CSV where value does not say it
  descending?: boolean; // the first press sorts the largest first
}

export interface Tree<Row> {
  /** Key of the row above; undefined, or a key that no row has: a root. */
  parent: (row: Row) => string | undefined;
  /** Keys whose rows below are not shown. */
  closed: Signal<ReadonlySet<string>>;
}

export interface TableProps<Row> {
  label: string; // accessible name
  columns: readonly Column<Row>[];
  rows: readonly Row[]; // filtered; the same object stands for the same figures: rows are compared by identity
  rowKey: (row: Row) => string;
  rowLabel?: (row: Row) => string; // for the name of its checkbox
  /** Order when the address says none: "-cpu". Without it: as the rows come, and no column is sorted. */
  sort?: string;
  sortWord?: string | null; // word of the address; null: only kept here. When left out: "sort"
  tree?: Tree<Row>;
  opened?: string; // key of the row whose details are shown
  onOpen?: (row: Row) => void; // Enter or a click
  marks?: Signal<ReadonlySet<string>>; // keys; gives a column of checkboxes
  tone?: (row: Row) => string | undefined; // more classes: "bad", "warn", "dim"
  main?: boolean; // the page's table: j, k, y and the others are in the key table
  newestFirst?: boolean; // rows come in at the top; who has scrolled down keeps their place
  onEnd?: () => void; // the last row was reached: a page more
  children?: ComponentChildren; // instead of rows when there are none: Loading, Empty, Failed
}

const order = new Intl.Collator(undefined, { numeric: true }).compare;

/** Absent values come last in both directions. */
function compare(a: Value, b: Value, sign: number): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  if (typeof a === "number" && typeof b === "number") return (a - b) * sign;
  return order(String(a), String(b)) * sign;
}

export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: string): readonly Row[] {
  const sign = sort.startsWith("-") ? -1 : 1;
  const value = columns.find((column) => column.id === sort.replace(/^-/, ""))?.value;
  if (!value) return rows;
  return rows
    .map((row) => ({ row, by: value(row) }))
    .sort((a, b) => compare(a.by, b.by, sign))
    .map((each) => each.row);
}

interface Lines<Row> {
  rows: readonly Row[];
  depth?: readonly number[]; // of trees
  open?: readonly (boolean | undefined)[]; // undefined: nothing below
}

/** Rows in the order of a tree, children behind their parents; rows in a ring of parents come as roots. */
export function treeLines<Row>(
  sorted: readonly Row[],
  rowKey: (row: Row) => string,
  parent: (row: Row) => string | undefined,
  closed: ReadonlySet<string>,
): Lines<Row> {
  const known = new Set(sorted.map(rowKey));
  const below = new Map<string | undefined, Row[]>();
  for (const row of sorted) {
    const above = parent(row);
    const at = above !== undefined && above !== rowKey(row) && known.has(above) ? above : undefined;
    const list = below.get(at);
    if (list) list.push(row);
    else below.set(at, [row]);
  }
  const rows: Row[] = [];
  const depth: number[] = [];
  const open: (boolean | undefined)[] = [];
  const seen = new Set<string>();
  const walk = (first: readonly Row[]) => {
    const stack = first.map((row) => ({ row, level: 0, hidden: false })).reverse();
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { row, level, hidden } = next;
      const key = rowKey(row);
      if (seen.has(key)) continue;
      seen.add(key);
      const children = below.get(key);
      const shut = closed.has(key);
      if (!hidden) {
        rows.push(row);
        depth.push(level);
        open.push(children ? !shut : undefined);
      }
      for (let i = (children?.length ?? 0) - 1; i >= 0; i--)
        stack.push({ row: children![i]!, level: level + 1, hidden: hidden || shut });
    }
  };
  walk(below.get(undefined) ?? []);
  if (seen.size < known.size) for (const row of sorted) walk([row]);
  return { rows, depth, open };
}

/** RFC 4180. Texts that a spreadsheet would take for a formula get an apostrophe. */
export function csvOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const field = (value: Value) => {
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value ?? "") ? `'${value}` : (value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const shown = columns.filter((column) => column.text ?? column.value);
  const lines = [shown.map((column) => field(column.title))];
  for (const row of rows) lines.push(shown.map((column) => field((column.text ?? column.value)!(row))));
  return lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
}

export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast("The browser does not let this page use the clipboard", "bad"); // not over TLS, or denied
  }
}

interface RowProps<Row> {
  row: Row;
  index: number;
  id: string;
  columns: readonly Column<Row>[];
  active: boolean;
  opened: boolean;
  marked: boolean | undefined;
  depth: number | undefined;
  open: boolean | undefined;
  tone: string | undefined;
  label: string;
}

class Line<Row> extends Component<RowProps<Row>> {
  override shouldComponentUpdate(next: RowProps<Row>): boolean {
    for (const name in next) if (next[name as keyof RowProps<Row>] !== this.props[name as keyof RowProps<Row>]) return true;
    return false;
  }
  override render({ row, index, id, columns, active, opened, marked, depth, open, tone, label }: RowProps<Row>) {
    const classes = `t-row${index % 2 ? " odd" : ""}${active ? " active" : ""}${opened ? " opened" : ""}${tone ? ` ${tone}` : ""}`;
    return (
      <div
        role="row"
        id={id}
        class={classes}
        data-index={index}
        aria-rowindex={index + 2}
        aria-selected={marked ?? opened}
        aria-level={depth === undefined ? undefined : depth + 1}
        aria-expanded={open}
      >
        {marked === undefined ? null : (
          <div role="gridcell" class="t-cell t-mark">
            <input type="checkbox" tabIndex={-1} checked={marked} aria-label={`Mark ${label}`} />
          </div>
        )}
        {columns.map((column, at) => (
          <div key={column.id} role="gridcell" class={column.end ? "t-cell end" : "t-cell"}>
            {at === 0 && depth !== undefined ? (
              <span class="t-tree" style={{ paddingInlineStart: `min(${depth * 0.9}em, 50%)` }}>
                <span class="t-fold" aria-hidden="true">
                  {open === undefined ? "" : open ? "▾" : "▸"}
                </span>
                <span>{column.cell(row)}</span>
              </span>
            ) : (
              column.cell(row)
            )}
          </div>
        ))}
      </div>
    );
  }
}

const GAP = 0.75; // em between columns
const NARROW = 34; // em

/** The columns that fit into so many em; those of the highest priority go first. */
function fitting<Row>(columns: readonly Column<Row>[], room: number): readonly Column<Row>[] {
  let shown = columns;
  if (room < NARROW) shown = columns.map((column) => (column.narrow ? { ...column, ...column.narrow, hint: column.hint ?? column.title } : column));
  const needs = () => shown.reduce((sum, column) => sum + column.width + GAP, GAP);
  while (needs() > room) {
    const highest = Math.max(...shown.map((column) => column.priority ?? 0));
    if (highest <= 0) break;
    const goes = shown.map((column) => column.priority ?? 0).lastIndexOf(highest);
    shown = shown.filter((_, i) => i !== goes);
  }
  return shown;
}

export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rows, rowKey, tree, marks, onOpen, opened, onEnd } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const height = useMemo(rowPixels, []);
  const em = height / (matchMedia("(pointer: coarse)").matches ? 2.75 : 2);

  const sortWord = props.sortWord === undefined ? "sort" : props.sortWord;
  const [localSort, setLocalSort] = useState(props.sort ?? "");
  const sort = props.sort === undefined ? "" : ((sortWord ? route.value.query.get(sortWord) : localSort) ?? props.sort);
  const closed = tree?.closed.value;
  const lines = useMemo<Lines<Row>>(() => {
    const sorted = sort ? sortRows(rows, columns, sort) : rows;
    return tree && closed ? treeLines(sorted, rowKey, tree.parent, closed) : { rows: sorted };
  }, [rows, columns, sort, closed, !tree]);
  const shown = lines.rows;

  const view = useRows(scroller, shown.length, height, height);
  const visible = useMemo(
    () => fitting(columns, view.width ? view.width / em - (marks ? 2.5 : 0) : 60),
    [columns, view.width, em, !marks],
  );
  const template = useMemo(() => {
    const sizes = visible.map((column) => (column.grow ? `minmax(${column.width}em, ${column.grow}fr)` : `${column.width}em`));
    if (!visible.some((column) => column.grow)) sizes.push("1fr");
    return (marks ? "1.75em " : "") + sizes.join(" ");
  }, [visible, !marks]);

  // The active row is known by its key, so that it stays the same one when others come and go.
  const active = useRef<{ key: string; index: number }>({ key: "", index: -1 });
  const [, redraw] = useState(0);
  const locate = (key: string, near: number): number => {
    if (!key) return -1;
    const start = Math.max(0, Math.min(near, shown.length - 1));
    for (let away = 0; away < shown.length; away++) {
      const up = shown[start + away];
      if (up !== undefined && rowKey(up) === key) return start + away;
      const down = shown[start - away];
      if (down !== undefined && rowKey(down) === key) return start - away;
    }
    return -1;
  };
  const found = locate(active.current.key, active.current.index);
  if (found >= 0) active.current.index = found;
  const activeIndex = found >= 0 ? found : -1;

  // Keeps the first row in view at its place while newer ones come in above it.
  const top = useRef<{ key: string; index: number }>({ key: "", index: 0 });
  useLayoutEffect(() => {
    const at = scroller.current;
    if (!props.newestFirst || !at) return;
    if (at.scrollTop >= height && top.current.key) {
      const index = locate(top.current.key, top.current.index);
      if (index > 0 && index !== top.current.index) at.scrollTop += (index - top.current.index) * height;
    }
    const index = Math.floor(at.scrollTop / height);
    const row = shown[index];
    top.current = { key: row === undefined ? "" : rowKey(row), index };
  }, [shown, view.first]);

  const ended = useRef<unknown>(null);
  useEffect(() => {
    if (!onEnd || view.last < shown.length || shown.length === 0 || ended.current === shown) return;
    ended.current = shown;
    onEnd();
  }, [view.last, shown, onEnd]);

  const moveTo = (index: number) => {
    const to = Math.max(0, Math.min(index, shown.length - 1));
    const row = shown[to];
    if (row === undefined) return;
    active.current = { key: rowKey(row), index: to };
    view.reveal(to);
    redraw((n) => n + 1);
  };
  // What the address opened is in view.
  const showOpened = (index: number) => index >= 0 && moveTo(index);
  useLayoutEffect(() => {
    if (opened && opened !== active.current.key) showOpened(locate(opened, 0));
  }, [opened, shown.length > 0]);
  const change = (set: Signal<ReadonlySet<string>> | undefined, key: string, on: boolean) => {
    if (!set) return;
    const next = new Set(set.value);
    if (on) next.add(key);
    else next.delete(key);
    set.value = next;
  };
  const fold = (key: string, shut: boolean) => change(tree?.closed, key, shut);

  const step = (event: KeyboardEvent): boolean => {
    const from = activeIndex;
    const row = shown[from];
    const go = (to: number) => {
      const next = shown[Math.max(0, Math.min(to, shown.length - 1))];
      if (event.shiftKey) for (const each of [row, next]) if (each !== undefined) change(marks, rowKey(each), true);
      moveTo(to);
      return true;
    };
    switch (event.key) {
      case "ArrowDown":
      case "j":
        return go(from + 1);
      case "ArrowUp":
      case "k":
        return go(from - 1);
      case "PageDown":
        return go(from + view.page);
      case "PageUp":
        return go(from - view.page);
      case "Home":
        return go(0);
      case "End":
        return go(shown.length - 1);
      case "Enter":
        if (row === undefined || !onOpen) return false;
        onOpen(row);
        return true;
      case " ":
        if (row === undefined) return false;
        if (marks) change(marks, rowKey(row), !marks.value.has(rowKey(row)));
        else onOpen?.(row);
        return true;
      case "ArrowRight":
      case "ArrowLeft": {
        const open = lines.open?.[from];
        const right = event.key === "ArrowRight";
        if (row === undefined || !lines.depth) return false;
        if (right && open === false) fold(rowKey(row), false);
        else if (right && open) moveTo(from + 1);
        else if (!right && open) fold(rowKey(row), true);
        else if (!right) {
          let above = from;
          while (above > 0 && lines.depth[above]! >= lines.depth[from]!) above--;
          if (lines.depth[above]! < lines.depth[from]!) moveTo(above);
        }
        return true;
      }
      default:
        return false;
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return; // a button of the header, a box
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (!marks || event.key !== "a" || event.altKey) return;
      marks.value = new Set(shown.map(rowKey));
    } else if (!step(event)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  const onClick = (event: MouseEvent) => {
    const target = event.target as HTMLElement;
    const index = Number(target.closest<HTMLElement>("[data-index]")?.dataset.index ?? -1);
    const row = shown[index];
    if (row === undefined || target.closest("a, button")) return;
    const key = rowKey(row);
    active.current = { key, index };
    redraw((n) => n + 1);
    if (marks && target.closest(".t-mark")) {
      const previous = event.shiftKey ? lastMark.current : index;
      const on = !marks.value.has(key);
      const next = new Set(marks.value);
      for (let i = Math.min(previous, index); i <= Math.max(previous, index); i++) {
        const each = shown[i];
        if (each === undefined) continue;
        if (on) next.add(rowKey(each));
        else next.delete(rowKey(each));
      }
      marks.value = next;
      lastMark.current = index;
      scroller.current?.focus({ preventScroll: true });
    } else if (lines.open?.[index] !== undefined && target.closest(".t-fold")) fold(key, lines.open?.[index] === true);
    else if (getSelection()?.isCollapsed !== false) onOpen?.(row); // else somebody selects text
  };
  const lastMark = useRef(0);

  const setSort = (column: Column<Row>) => {
    const now = sort.replace(/^-/, "") === column.id;
    const down = now ? !sort.startsWith("-") : column.descending === true;
    const next = (down ? "-" : "") + column.id;
    if (sortWord) setQuery({ [sortWord]: next === props.sort ? undefined : next });
    else setLocalSort(next);
  };

  // The key table calls what the last drawing knows.
  const latest = useRef({ step, shown, columns });
  latest.current = { step, shown, columns };
  useLayoutEffect(() => {
    if (!props.main) return;
    const press = (event: KeyboardEvent) => {
      scroller.current?.focus({ preventScroll: true });
      latest.current.step(event);
    };
    const copy = () => void copyText(csvOf(latest.current.columns, latest.current.shown), `${latest.current.shown.length} rows`);
    const table: [string, string, unknown, ((event: KeyboardEvent) => void)?][] = [
      ["ArrowDown", "Next row", true],
      ["ArrowUp", "Row above", true],
      ["j", "Next row", true],
      ["k", "Row above", true],
      ["Enter", "Details of the row", onOpen],
      [" ", "Mark the row; several with Shift and an arrow", marks],
      ["ArrowLeft", "Fold, or go up in the tree", tree],
      ["ArrowRight", "Unfold", tree],
      ["y", "Copy the table as CSV", true, copy],
    ];
    return bindKeys(table.filter(([, , on]) => on).map(([keys, label, , run = press]) => ({ keys, label, section: "Tables", run })));
  }, [props.main, !onOpen, !marks, !tree]);

  const drawn = [];
  for (let i = view.first; i < view.last; i++) {
    const row = shown[i];
    if (row === undefined) break;
    const key = rowKey(row);
    drawn.push(
      <Line
        key={key}
        row={row}
        index={i}
        id={`${id}-${i}`}
        columns={visible as readonly Column<unknown>[]}
        active={i === activeIndex}
        opened={opened !== undefined && key === opened}
        marked={marks ? marks.value.has(key) : undefined}
        depth={lines.depth?.[i]}
        open={lines.open?.[i]}
        tone={props.tone?.(row)}
        label={props.rowLabel?.(row) ?? key}
      />,
    );
  }
  const all = marks && shown.length > 0 && marks.value.size >= shown.length;
  return (
    <div class="t-frame card" style={{ "--t-columns": template, "--t-row": `${height}px` }}>
      <div
        class="t-scroll"
        ref={scroller}
        tabIndex={0}
        role={tree ? "treegrid" : "grid"}
        aria-label={label}
        aria-rowcount={shown.length + 1}
        aria-multiselectable={marks ? true : undefined}
        aria-activedescendant={activeIndex >= view.first && activeIndex < view.last ? `${id}-${activeIndex}` : undefined}
        onKeyDown={onKeyDown}
        onClick={onClick}
      >
        <div role="row" class="t-row t-head" aria-rowindex={1}>
          {marks ? (
            <div role="columnheader" class="t-cell t-mark">
              <input
                type="checkbox"
                checked={all}
                aria-label="Mark all"
                onClick={() => {
                  marks.value = all ? new Set() : new Set(shown.map(rowKey));
                }}
              />
            </div>
          ) : null}
          {visible.map((column) => {
            const now = sort.replace(/^-/, "") === column.id;
            const sortable = props.sort !== undefined && column.value !== undefined;
            return (
              <div
                key={column.id}
                role="columnheader"
                class={column.end ? "t-cell end" : "t-cell"}
                title={column.hint}
                aria-sort={now ? (sort.startsWith("-") ? "descending" : "ascending") : undefined}
              >
                {sortable ? (
                  <button type="button" class="t-sort" onClick={() => setSort(column)}>
                    {column.title || <span class="hidden">{column.hint}</span>}
                    <span aria-hidden="true">{now ? (sort.startsWith("-") ? " ↓" : " ↑") : ""}</span>
                  </button>
                ) : (
                  column.title
                )}
              </div>
            );
          })}
        </div>
        <div class="t-space" role="rowgroup" style={{ height: `${shown.length * height}px` }}>
          <div class="t-window" role="presentation" style={{ transform: `translateY(${view.first * height}px)` }}>
            {drawn}
          </div>
        </div>
      </div>
      {shown.length === 0 ? <div class="t-none">{props.children}</div> : null}
    </div>
  );
}

/** The button beside a table. */
export function CopyCsv<Row>({ columns, rows }: { columns: readonly Column<Row>[]; rows: readonly Row[] }) {
  return (
    <button type="button" class="quiet copy-csv" disabled={rows.length === 0} onClick={() => void copyText(csvOf(columns, rows), `${rows.length} rows`)}>
      Copy as CSV
    </button>
  );
}
