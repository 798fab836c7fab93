// Pages of work that goes on: asked for again while something moves, but not while nobody looks.
// What moves has data-moves (milliseconds); each part that may change has data-part.

import { enhance } from "./console.js";

const LONGEST_MS = 30000;

const told = new WeakMap(); // parts, and what the server last said they are

let timer = 0;
let tries = 0;
let waiting = false; // a part changed that somebody used

/** Begin to ask again, if something on the page moves. */
export function move() {
  clearTimeout(timer);
  const moves = document.querySelector("[data-moves]");
  const every = Number(moves?.dataset.moves ?? (waiting ? 1000 : 0));
  if (!every || document.hidden) return;
  timer = setTimeout(look, Math.min(every * 2 ** tries, LONGEST_MS));
}

/** Return the page at an address as a document; null if the reader is not signed in any more. */
export async function load(address) {
  const reply = await fetch(address, { headers: { accept: "text/html" }, redirect: "manual" });
  if (reply.type === "opaqueredirect" || reply.status === 401) return null;
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  return new DOMParser().parseFromString(await reply.text(), "text/html");
}

async function look() {
  const address = location.href;
  try {
    const page = await load(address);
    if (page === null) return location.reload();
    if (location.href !== address) return;
    tries = 0;
    replace(page);
  } catch {
    tries += 1; // the server may be restarting
  }
  move();
}

/** Put each new part where the old one is; one that somebody uses is left until later. */
function replace(page) {
  waiting = false;
  for (const part of page.querySelectorAll("[data-part]")) {
    const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!old || told.get(old) === part.innerHTML) continue;
    if (isUsed(old)) {
      waiting = true;
      continue;
    }
    told.set(old, part.innerHTML);
    if ("moves" in part.dataset) old.dataset.moves = part.dataset.moves;
    else delete old.dataset.moves;
    old.replaceChildren(...part.childNodes);
    enhance(old);
    old.dispatchEvent(new CustomEvent("content-changed", { bubbles: true }));
  }
}

/** Somebody has a menu open, or is about to press a button. */
function isUsed(part) {
  return part.querySelector("details[open]") !== null || part.matches(":has(:focus-visible)");
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (waiting || document.querySelector("[data-moves]")) look();
});
move();
