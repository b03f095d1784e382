// A module asked by the page itself, as a run like any other: it stands in the run log.
import { ApiError, stream } from "./api";

export interface RunAnswer<T> {
  id: string;
  rows: T[];
  errors: string[];
  success: boolean;
}

const ROWS_MAX = 10_000;

/** Resolves at the run's end. Throws ApiError when it was refused or could not be followed; a run that failed has
 * success false and its errors. */
export function runModule<T>(module: string, parameters: Record<string, unknown>, abort?: AbortSignal): Promise<RunAnswer<T>> {
  return new Promise((resolve, reject) => {
    const answer: RunAnswer<T> = { id: "", rows: [], errors: [], success: false };
    let done = false;
    const close = stream("/v1/runs?follow=1", {
      once: true,
      body: { module, parameters },
      event: ({ event, data }) => {
        const record = JSON.parse(data);
        if (event === "run") answer.id = record.run;
        else if (event === "row" && answer.rows.length < ROWS_MAX) answer.rows.push(record.row as T);
        else if (event === "error" && record.code) reject(new ApiError(0, record.code, record.message));
        else if (event === "error") answer.errors.push(record.message);
        else if (event === "done") {
          done = true;
          answer.success = record.success === true;
          resolve(answer);
        }
      },
      state: (error) => {
        if (error && !done) reject(error);
      },
      ended: () => {
        if (!done) reject(new ApiError(0, "ended", "the run's events ended before the run did"));
      },
    });
    abort?.addEventListener("abort", () => {
      close();
      reject(new DOMException("aborted", "AbortError"));
    });
  });
}
