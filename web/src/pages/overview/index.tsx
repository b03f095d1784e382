// What the host and its containers are doing, at one look.
import { useComputed } from "@preact/signals";
import { useEffect, useLayoutEffect } from "preact/hooks";
import { connection, running } from "../../lib/api";
import { feedError, holdFeed, host, ready } from "../../lib/feed";
import { bindKeys } from "../../lib/keys";
import { go, hrefOf } from "../../lib/route";
import { Empty, Failed, Loading } from "../../ui/empty";
import type { Page } from "../pages";
import { LatestAlerts } from "./alerts";
import { VitalCharts } from "./charts";
import { Costly, RunsWhere } from "./cost";
import "./overview.css";
import { Disks, Facts, Vitals } from "./vitals";

function Host() {
  useEffect(() => holdFeed("host", "containers", "disks"), []);
  // only whether there is one: what is in it changes each two seconds, in the parts below
  const known = useComputed(() => host.value !== null);
  const failed = useComputed(() => (known.value ? null : feedError.value));
  if (failed.value && connection.value !== "down") return <Failed what="The picture of the host" error={failed.value} />;
  if (!known.value) return <Loading what="the picture of the host" />;
  return (
    <>
      <Vitals />
      <VitalCharts>
        {ready.value.has("containers") ? <RunsWhere /> : null}
        <Disks />
      </VitalCharts>
    </>
  );
}

const View = () => {
  useLayoutEffect(
    () =>
      bindKeys([
        {
          keys: "/",
          label: "Search the containers",
          section: "Overview",
          run: () => {
            go("containers");
            queueMicrotask(() => document.querySelector<HTMLElement>("main .search input")?.focus()); // once it is drawn
          },
        },
      ]),
    [],
  );
  const metrics = running.value.has("metrics");
  const alerts = running.value.has("alerts");
  const there = useComputed(() => host.value !== null && ready.value.has("containers"));
  return (
    <div class="page">
      <div class="page-head">
        <h1>Overview</h1>
        <Facts />
      </div>
      {metrics ? (
        <Host />
      ) : (
        <Empty title="Nothing measures this host">
          Vitals and containers come from the module <b>metrics</b>, which does not run. It starts with <code>{"modules: {metrics: {}}"}</code>{" "}
          in the agent's configuration; <a href={hrefOf("investigate")}>modules can be run</a> without it.
        </Empty>
      )}
      <div class="two">
        {metrics && there.value ? <Costly /> : null}
        {alerts ? <LatestAlerts /> : null}
      </div>
    </div>
  );
};

export const overview: Page = { name: "", title: "Overview", key: "o", needs: [], View };
