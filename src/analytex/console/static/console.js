// What every page does: times in the reader's zone, buttons that copy, menus that close.

import "./zone.js";

const day = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit" });
const parts = { hour: "2-digit", minute: "2-digit", hour12: false };
const minutes = new Intl.DateTimeFormat("sv-SE", parts);
const seconds = new Intl.DateTimeFormat("sv-SE", { ...parts, second: "2-digit" });

/** The token that every POST by script sends as the header `x-csrf-token`. */
export const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Make times and buttons in an element live; pages call it for what they add. */
export function enhance(root = document) {
  for (const time of root.querySelectorAll("time[data-time]")) {
    const at = new Date(time.dateTime);
    const clock = time.dataset.time === "seconds" ? seconds : minutes;
    const text = `${day.format(at)} ${clock.format(at)}`;
    if (time.textContent !== text) time.textContent = text;
  }
  for (const button of root.querySelectorAll("[data-copies]")) button.hidden = false;
}

async function copy(button) {
  const text = button.parentElement.querySelector("code").textContent;
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without TLS there is no clipboard: select it, for the keyboard.
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = before), 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copies]");
  if (button) copy(button);
  for (const open of document.querySelectorAll("details[data-closes][open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll("details[data-closes][open]")) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

document.addEventListener("content-changed", () => enhance());
enhance();
