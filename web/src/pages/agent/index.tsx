import type { Page } from "../pages";

const View = () => <h1>Agent</h1>;

export const agent: Page = { name: "agent", title: "Agent", key: "s", needs: [], View };
