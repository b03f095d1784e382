// Line icons of 24 × 24; they say nothing by themselves: the button or link around them has the name.
const paths = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  containers: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  processes: "M5 4v13a2 2 0 0 0 2 2h3M5 9h5M13 6h6M13 9h6M13 18h6",
  events: "M3 12h4l3-8 4 16 3-8h4",
  alerts: "M18 16V11a6 6 0 1 0-12 0v5l-2 2h16zM10 21h4",
  investigate: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  agent: "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  page: "M6 3h8l4 4v14H6z",
  pause: "M8 5v14M16 5v14",
  more: "M12 5h.01M12 12h.01M12 19h.01",
  table: "M4 5h16v14H4zM4 10h16M4 15h16M10 5v14",
  chart: "M4 4v16h16M7 15l4-5 3 3 5-7",
  right: "M9 5l7 7-7 7",
  warning: "M12 4L2 20h20zM12 10v5M12 17.5h.01",
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name, size = 18 }: { name: IconName; size?: number }) => (
  <svg class="drawn" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={paths[name]} />
  </svg>
);
