import { render } from "preact";
import "./style.css";
import { connect } from "./lib/api";
import { paused, setNow } from "./lib/time";
import { Shell } from "./ui/shell";

render(<Shell />, document.getElementById("app")!);
setInterval(() => {
  if (!document.hidden && !paused.peek()) setNow();
}, 1000);
void connect();
