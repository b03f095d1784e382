import type { Page } from "../pages";

const View = () => <h1>Investigate</h1>;

export const investigate: Page = { name: "investigate", title: "Investigate", key: "i", needs: [], View };
