import type { Page } from "../pages";

const View = () => <h1>Alerts</h1>;

export const alerts: Page = { name: "alerts", title: "Alerts", key: "a", needs: ["alerts"], View };
