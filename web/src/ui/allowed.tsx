// A button for what needs a role. Who has it not sees that it can be done and by whom, and is refused in words.
import type { ComponentChildren } from "preact";
import { mayDo, me } from "../lib/api";
import { toast } from "./toast";
import "./badge.css";

interface Props {
  role: "investigator" | "admin";
  doing: string; // "sending signals"
  missing?: string; // another reason why it cannot be done here
  class?: string;
  onPress: () => void;
  children: ComponentChildren;
}

export const whyNot = ({ role, doing, missing }: Pick<Props, "role" | "doing" | "missing">): string =>
  missing ?? (mayDo(role) ? "" : `${doing} needs the role ${role}; you are ${me.value?.role ?? "nobody"}`);

export function AllowedButton({ class: classes, onPress, children, ...what }: Props) {
  const reason = whyNot(what);
  return (
    <button
      type="button"
      class={reason ? "locked" : classes}
      title={reason || undefined}
      onClick={() => (reason ? toast(`Refused: ${reason}`, "bad") : onPress())}
    >
      {children}
      {reason ? <span class="hidden"> ({reason})</span> : null}
    </button>
  );
}
