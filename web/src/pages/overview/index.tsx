import type { Page } from "../pages";

const View = () => <h1>Overview</h1>;

export const overview: Page = { name: "", title: "Overview", key: "o", needs: [], View };
