// The newest alerts that nobody has acknowledged.
import { request } from "../../lib/api";
import { age, plain } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { hrefOf } from "../../lib/route";
import { now } from "../../lib/time";
import { Severity } from "../../ui/badge";
import { Card } from "../../ui/card";
import { Failed } from "../../ui/empty";

interface Alert {
  id: number;
  time: string;
  last?: string;
  severity: string;
  module: string;
  rule: string;
  message: string;
  container?: string;
  count?: number;
}

export function LatestAlerts() {
  const { value, error, again } = useLoad(
    (abort) => request<{ alerts: Alert[] }>("/v1/modules/alerts/alerts?state=open&limit=6", { signal: abort }),
    [],
    5,
  );
  const alerts = value?.alerts;
  return (
    <Card title="Latest alerts" more={<a href={hrefOf("alerts")}>all alerts</a>}>
      {alerts?.length ? (
        <ul class="latest">
          {alerts.map((alert) => (
            <li key={alert.id}>
              <a href={hrefOf("alerts", String(alert.id))}>
                <Severity level={alert.severity} />
                <span class="latest-text">{plain(alert.message || alert.rule)}</span>
                <span class="muted num">
                  {alert.count && alert.count > 1 ? `${alert.count} × ` : ""}
                  {age(alert.last ?? alert.time, now.value)}
                </span>
              </a>
            </li>
          ))}
        </ul>
      ) : alerts ? (
        <p class="muted">No alert is open.</p>
      ) : error ? (
        <Failed what="The alerts" error={error} retry={again} />
      ) : (
        <p class="muted">Loading …</p>
      )}
    </Card>
  );
}
