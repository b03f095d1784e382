// A small line without axes, beside a figure that says the same in words. Paths inherit the theme's colours.
import "./spark.css";

interface SparkProps {
  values: ArrayLike<number>; // oldest first; NaN breaks the line
  max?: number; // top; by default the largest
  width?: number;
  height?: number;
  tone?: number; // --series-N
}

export function Spark({ values, max, width = 72, height = 20, tone = 1 }: SparkProps) {
  let top = max ?? 0;
  if (!max) for (let at = 0; at < values.length; at++) if (values[at]! > top) top = values[at]!;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let line = "";
  let pen = false;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (Number.isNaN(value)) {
      pen = false;
      continue;
    }
    const y = top > 0 ? height - 1 - (Math.min(value, top) / top) * (height - 2) : height - 1;
    line += `${pen ? "L" : "M"}${(at * step).toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  }
  return (
    <svg class={`spark tone-${tone}`} width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path d={line} />
    </svg>
  );
}
