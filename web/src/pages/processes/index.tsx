import type { Page } from "../pages";

const View = () => <h1>Processes</h1>;

export const processes: Page = { name: "processes", title: "Processes", key: "p", needs: ["metrics"], View };
