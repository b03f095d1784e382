// How full something is, as a bar: its figure stands beside it in words.
import "./gauge.css";

interface GaugeProps {
  label: string;
  share: number | undefined; // 0..1
  warn?: number; // shares from which it is drawn as a warning, and as bad
  bad?: number;
  text?: string; // instead of the share in percent, for those who do not see it
}

export function Gauge({ label, share, warn = 0.8, bad = 0.95, text }: GaugeProps) {
  const full = Math.max(0, Math.min(1, share ?? 0));
  const level = share === undefined || full < warn ? "" : full < bad ? " gauge-warn" : " gauge-bad";
  return (
    <span
      class={`gauge${level}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(full * 100)}
      aria-valuetext={text ?? `${Math.round(full * 100)} %`}
    >
      <span style={{ width: `${full * 100}%` }} />
    </span>
  );
}

/** How full things are: name, share, and both in words. */
export const Fillings = ({ of }: { of: readonly (readonly [name: string, share: number, text: string, hint?: string])[] }) => (
  <ul class="filling">
    {of.map(([name, share, text, hint]) => (
      <li key={name}>
        <span class="cut" title={hint}>
          {name}
        </span>
        <span class="num">{text}</span>
        <Gauge label={name} share={share} warn={0.85} />
      </li>
    ))}
  </ul>
);

export interface Part {
  label: string;
  value: number;
  tone: number; // --series-N
}

/** A whole and its parts in one bar; the legend that belongs to it says them in words. */
export function Parts({ label, whole, parts }: { label: string; whole: number; parts: readonly Part[] }) {
  return (
    <span class="parts" role="img" aria-label={label}>
      {parts.map((part) => (
        <span key={part.label} class={`tone-${part.tone}`} title={part.label} style={{ width: `${whole > 0 ? Math.min(100, (part.value / whole) * 100) : 0}%` }} />
      ))}
    </span>
  );
}
