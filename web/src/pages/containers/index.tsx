import type { Page } from "../pages";

const View = () => <h1>Containers</h1>;

export const containers: Page = { name: "containers", title: "Containers", key: "c", needs: ["metrics"], View };
