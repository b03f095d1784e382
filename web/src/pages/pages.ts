// The pages, in the order of the navigation. A new one: a folder here, a line below.
import type { ComponentType } from "preact";

export interface Page {
  name: string; // in the address
  title: string;
  key: string; // second stroke behind g
  needs: readonly string[]; // persistent modules without which the page is not shown; [] = always there
  role?: "investigator" | "admin"; // least role
  View: ComponentType;
}

import { agent } from "./agent";
import { alerts } from "./alerts";
import { containers } from "./containers";
import { events } from "./events";
import { investigate } from "./investigate";
import { overview } from "./overview";
import { processes } from "./processes";

export const pages: readonly Page[] = [overview, containers, processes, events, alerts, investigate, agent];
