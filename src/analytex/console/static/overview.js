// The overview's numbers, asked for again every few seconds, but not while nobody looks.

import { enhance } from "./charts.js";

const EVERY_MS = 5000;
const LONGEST_MS = 60000;

const place = document.querySelector("[data-live]");
if (place) new Overview(place).begin();

function Overview(place) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const status = document.querySelector("[data-live-status]");
  let timer = 0;
  let wait = EVERY_MS;

  this.begin = () => {
    document.addEventListener("visibilitychange", () => (document.hidden ? stop() : look()));
    if (!document.hidden) look();
  };

  function stop() {
    clearTimeout(timer);
    timer = 0;
  }

  async function look() {
    stop();
    try {
      const address = new URL(place.dataset.live, location.href);
      address.searchParams.set("tz", zone);
      const reply = await fetch(address, { headers: { accept: "text/html" }, redirect: "manual" });
      if (reply.type === "opaqueredirect" || reply.status === 401) return location.reload();
      if (!reply.ok) throw new Error(`status ${reply.status}`);
      replace(await reply.text());
      wait = EVERY_MS;
      say("");
    } catch {
      wait = Math.min(wait * 2, LONGEST_MS);
      say(`The server does not answer; the next try is in ${wait / 1000} s.`);
    }
    if (!document.hidden) timer = setTimeout(look, wait);
  }

  /** Put each new part where the old one is; a chart that somebody reads at the moment stays. */
  function replace(text) {
    const found = new DOMParser().parseFromString(text, "text/html");
    for (const part of found.querySelectorAll("[data-part]")) {
      const old = place.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!old || isRead(old) || old.innerHTML === part.innerHTML) continue;
      old.replaceChildren(...part.childNodes);
      enhance(old);
    }
    document.dispatchEvent(new CustomEvent("content-changed"));
  }

  function isRead(part) {
    return part.matches(":focus-within") || part.querySelector(".chart-plot:hover, details[open]");
  }

  function say(text) {
    if (status) status.textContent = text;
  }
}
