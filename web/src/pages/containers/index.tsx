// Everything that runs in control groups: a tree of all, and one of them in full.
import { route } from "../../lib/route";
import type { Page } from "../pages";
import "./containers.css";
import { Item } from "./item";
import { List } from "./list";

/** The address holds the group's path without its leading slash; "/" itself stands for the host. */
const View = () => {
  const { rest } = route.value;
  if (!rest) return <List />;
  const name = rest === "/" ? "/" : `/${rest.replace(/^\/+/, "")}`;
  return <Item key={name} name={name} />;
};

export const containers: Page = { name: "containers", title: "Containers", key: "c", needs: ["metrics"], View };
