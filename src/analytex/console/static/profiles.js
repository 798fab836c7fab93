// The picture of activity, where it was not ready with the page.

import { enhance } from "./charts.js";

const place = document.querySelector("[data-activity]");
if (place) show();

async function show() {
  try {
    const address = new URL(place.dataset.activity, location.href);
    address.searchParams.set("tz", Intl.DateTimeFormat().resolvedOptions().timeZone);
    const reply = await fetch(address, { headers: { accept: "text/html" }, redirect: "manual" });
    if (reply.type === "opaqueredirect" || reply.status === 401) return location.reload();
    if (!reply.ok) throw new Error(`status ${reply.status}`);
    const found = new DOMParser().parseFromString(await reply.text(), "text/html");
    place.replaceChildren(...found.body.childNodes);
    enhance(place);
  } catch {
    place.textContent = "The server does not answer; load the page again to see the activity.";
  }
}
