// A small line without axes, beside a figure that says the same in words. Paths inherit the theme's colours.
import "./spark.css";

interface SparkProps {
  values: ArrayLike<number>; // oldest first; NaN breaks the line
  max?: number; // top; by default somewhat above the largest
  width?: number;
  height?: number;
  tone?: number; // --series-N
}

export function Spark({ values, max, width = 72, height = 20, tone = 1 }: SparkProps) {
  const count = values.length;
  let top = max ?? 0;
  if (!max) {
    for (let at = 0; at < count; at++) if (values[at]! > top) top = values[at]!;
    top *= 1.15; // what does not change is no line at the edge
  }
  const step = count > 1 ? width / (count - 1) : 0;
  let line = "";
  let area = "";
  for (let at = 0; at < count; ) {
    if (Number.isNaN(values[at]!)) {
      at++;
      continue;
    }
    const begin = (at * step).toFixed(1);
    let piece = "";
    for (; at < count && !Number.isNaN(values[at]!); at++) {
      const y = top > 0 ? height - 1 - (Math.min(values[at]!, top) / top) * (height - 2) : height - 1;
      piece += `${piece ? "L" : "M"}${(at * step).toFixed(1)} ${y.toFixed(1)}`;
    }
    line += piece;
    area += `${piece}V${height}H${begin}z`;
  }
  return (
    <svg class={`spark tone-${tone}`} width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path class="spark-area" d={area} />
      <path d={line} />
    </svg>
  );
}
