// Small signs. Each has its word and its shape; colour only helps.
import type { ComponentChildren } from "preact";
import "./badge.css";

export const SEVERITIES = ["low", "medium", "high", "critical"] as const;
export type SeverityLevel = (typeof SEVERITIES)[number];

const SHAPES: Record<SeverityLevel, string> = {
  low: "M8 3a5 5 0 1 0 0 10a5 5 0 1 0 0-10",
  medium: "M8 2l6 6l-6 6l-6-6z",
  high: "M8 2l6.5 12h-13z",
  critical: "M5 1.5h6l3.5 3.5v6l-3.5 3.5h-6l-3.5-3.5v-6z",
};

export function Severity({ level, short }: { level: string; short?: boolean }) {
  const known = (SEVERITIES as readonly string[]).includes(level) ? (level as SeverityLevel) : "medium";
  return (
    <span class={`severity tone-${known}`} title={short ? level : undefined}>
      <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true">
        <path d={SHAPES[known]} />
      </svg>
      <span class={short ? "hidden" : undefined}>{level}</span>
    </span>
  );
}

export type Tone = "good" | "warn" | "bad" | "plain" | "accent";

const SIGNS: Record<Tone, string> = { good: "✓", warn: "!", bad: "✕", plain: "", accent: "" };

export function Badge({ tone = "plain", children, title }: { tone?: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={`badge tone-${tone}`} title={title}>
      {SIGNS[tone] ? <span aria-hidden="true">{SIGNS[tone]} </span> : null}
      {children}
    </span>
  );
}
