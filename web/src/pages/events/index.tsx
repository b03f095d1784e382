import type { Page } from "../pages";

const View = () => <h1>Events</h1>;

export const events: Page = { name: "events", title: "Events", key: "e", needs: ["watch"], View };
