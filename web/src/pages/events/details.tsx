import { request } from "../../lib/api";
import { plain } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { route } from "../../lib/route";
import { eventText, type WatchEvent } from "../../lib/watch";
import { Severity } from "../../ui/badge";
import { Details, Raw } from "../../ui/details";
import { Failed, Loading } from "../../ui/empty";
import { EventFacts } from "../../ui/event";

export function EventDetails({ id, onClose }: { id: number; onClose: () => void }) {
  const found = useLoad(
    async (abort) => {
      const answer = await request<{ events: WatchEvent[] }>(`/v1/modules/watch/events?after=${id - 1}&limit=1`, { signal: abort });
      return answer.events.find((event) => event.id === id) ?? null;
    },
    [id],
  );
  const event = found.value;
  return (
    <Details title={event ? `${event.type} ${plain(event.process?.comm ?? "")}` : `Event ${id}`} onClose={onClose}>
      {event ? (
        <>
          {event.gap ? <p class="lost">{eventText(event)}</p> : null}
          {event.alerts?.map((alert, at) => (
            <p key={at} class="notice">
              <Severity level={alert.severity ?? ""} /> {plain(alert.alert ?? alert.summary ?? "")}
            </p>
          ))}
          <EventFacts event={event} query={Object.fromEntries(route.value.query)} />
          <Raw of={event} />
        </>
      ) : found.error ? (
        <Failed what="The event" error={found.error} retry={found.again} />
      ) : event === null ? (
        <p>It is not kept any more: the store has a size and an age at which the oldest go.</p>
      ) : (
        <Loading what="the event" />
      )}
    </Details>
  );
}
