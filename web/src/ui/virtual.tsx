// A window on a long list: only the rows that can be seen exist. All rows have one height, so row i stands at i × height,
// and 200,000 of them stay well below the 16,777,216 px at which engines stop laying out.
import type { RefObject } from "preact";
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Height of a row in px: 2rem, 2.75rem where fingers point. */
export function rowPixels(): number {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  return Math.round(rem * (matchMedia("(pointer: coarse)").matches ? 2.75 : 2));
}

export interface RowWindow {
  first: number; // rows [first, last) are to be drawn
  last: number;
  width: number; // of the scroller's inside, px
  page: number; // whole rows that fit
  /** Scrolls as little as needed for row i to be seen whole. */
  reveal: (index: number) => void;
}

const OVERSCAN = 6;

/** `above`: px of a sticky header inside of the scroller, before the rows. */
export function useRows(scroller: RefObject<HTMLElement>, count: number, height: number, above = 0): RowWindow {
  const [box, setBox] = useState({ first: 0, last: 40, width: 0, page: 10 });
  const frame = useRef(0);

  const look = useCallback(() => {
    const at = scroller.current;
    if (!at) return;
    const room = Math.max(0, at.clientHeight - above);
    const top = Math.max(0, Math.floor(at.scrollTop / height) - OVERSCAN);
    const first = top - (top % 2); // the same parity always: stripes do not flicker
    const last = Math.ceil((at.scrollTop + room) / height) + OVERSCAN;
    const page = Math.max(1, Math.floor(room / height));
    setBox((old) =>
      old.first === first && old.last === last && old.width === at.clientWidth && old.page === page
        ? old
        : { first, last, width: at.clientWidth, page },
    );
  }, [height, above]);

  useLayoutEffect(() => {
    const at = scroller.current;
    if (!at) return;
    const soon = () => {
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(look);
    };
    const observer = new ResizeObserver(soon);
    observer.observe(at);
    at.addEventListener("scroll", soon, { passive: true });
    look();
    return () => {
      cancelAnimationFrame(frame.current);
      observer.disconnect();
      at.removeEventListener("scroll", soon);
    };
  }, [look]);

  const reveal = useCallback(
    (index: number) => {
      const at = scroller.current;
      if (!at) return;
      const room = at.clientHeight - above;
      if (index * height < at.scrollTop) at.scrollTop = index * height;
      else if ((index + 1) * height > at.scrollTop + room) at.scrollTop = (index + 1) * height - room;
    },
    [height, above],
  );

  const last = Math.min(box.last, count);
  return { ...box, first: Math.min(box.first, Math.max(0, last - 1)), last, reveal };
}
