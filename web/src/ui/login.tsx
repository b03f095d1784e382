// Asks for a token when the agent wants one.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { ApiError, logIn, me } from "../lib/api";
import "./login.css";

export function Login() {
  const token = useSignal("");
  const wrong = useSignal("");
  const busy = useSignal(false);
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    wrong.value = "";
    try {
      await logIn(token.value);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : -1;
      wrong.value =
        status === 401
          ? "The agent does not know this token."
          : status === 0
            ? "The agent does not answer. Does it still run?"
            : `It did not work: ${(error as Error).message}`;
    }
    busy.value = false;
  };
  return (
    <dialog ref={box} class="login" aria-labelledby="login-title" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="login-title">
          <img src="icon.svg" alt="" width="28" height="28" /> Log in{me.value ? ` to ${me.value.host}` : ""}
        </h2>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            autofocus
            required
            spellcheck={false}
            aria-describedby="login-wrong login-roles"
            aria-invalid={wrong.value ? true : undefined}
            value={token}
            onInput={(event) => (token.value = event.currentTarget.value)}
          />
        </label>
        <p id="login-wrong" class="wrong" role="alert">
          {wrong}
        </p>
        <button class="primary" disabled={busy.value}>
          {busy.value ? "Asking …" : "Log in"}
        </button>
        <div id="login-roles" class="muted">
          <p>Its role says what this page may do:</p>
          <dl>
            <dt>viewer</dt>
            <dd>sees the host, its containers, events and alerts</dd>
            <dt>investigator</dt>
            <dd>also runs modules, and acknowledges and mutes alerts</dd>
            <dt>admin</dt>
            <dd>also ends processes and sees the configuration</dd>
          </dl>
          <p>
            Without tokens in its configuration the agent keeps one for an admin in <code>admin.token</code> in its state directory. It
            is kept in this tab only, until that is closed.
          </p>
        </div>
      </form>
    </dialog>
  );
}
