// Frame of every page: navigation, time range, connection, theme, login, help.
import { connection, me, running } from "../lib/api";
import { hrefOf, route } from "../lib/route";
import { pages } from "../pages/pages";

export function Shell() {
  const page = pages.find((each) => each.name === route.value.page);
  const shown = pages.filter((each) => each.needs.every((name) => running.value.has(name)));
  return (
    <>
      <nav aria-label="Pages">
        <ul>
          {shown.map((each) => (
            <li key={each.name}>
              <a href={hrefOf(each.name)} aria-current={each === page ? "page" : undefined}>
                {each.title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <main>
        {page ? <page.View /> : <h1>There is no such page</h1>}
        <p>
          {me.value?.identity} {connection.value}
        </p>
      </main>
    </>
  );
}
