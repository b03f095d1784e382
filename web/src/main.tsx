import { render } from "preact";
import "./style.css";
import { connect } from "./lib/api";
import { now } from "./lib/time";
import { Shell } from "./ui/shell";

render(<Shell />, document.getElementById("app")!);
setInterval(() => {
  if (!document.hidden) now.value = Date.now() / 1000;
}, 1000);
void connect();
