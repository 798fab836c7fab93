// Calls as they come in. The server writes each line as the page has it; here it is put in place.

import { enhance } from "./console.js";
import { mend } from "./mend.js";

const MOST = 200; // lines on the page, and waiting while it is paused
const SHOW_EVERY_MS = 150;
const SPEAK_EVERY_MS = 6000;
const AGAIN_AFTER_MS = 3000;
const GIVE_UP_AFTER = 5; // attempts that fail one after the other

const root = document.querySelector(".live");
const part = (name, within = root) => within.querySelector(`[data-part="${name}"]`);
const lines = part("lines");
const seen = new Set([...lines.children].map((row) => row.dataset.id));
const count = { accepted: 0, refused: 0, row: 0 };
const unspoken = { accepted: 0, refused: 0, row: 0 };
const began = new Date();
const clock = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const number = new Intl.NumberFormat("en-US");

let waiting = []; // newest last
let held = 0; // that came while paused
let paused = false;
let source = null;
let failures = 0;
let address = root.dataset.stream;

// Lines

function fill(line) {
  const row = part("line").content.firstElementChild.cloneNode(true);
  const set = (name, text, link) => {
    const found = part(name, row);
    found.textContent = text;
    if (link) found.href = link;
  };
  row.dataset.id = line.id;
  row.dataset.kind = line.kind;
  const time = row.querySelector("time");
  time.dateTime = line.at;
  time.title = line.at.replace("T", " ").replace("Z", " UTC");
  set("result", line.result);
  part("result", row).className = `badge ${{ refused: "bad", row: "accent" }[line.kind] ?? "good"}`;
  part("link", row).href = line.link;
  set("call", line.call);
  set("name", line.name);
  set("user", line.user, line.user_link);
  set("company", line.company, line.company_link);
  if (line.kind === "refused") part("said", row).replaceChildren(...withCode(line.said));
  else set("said", line.said);
  row.classList.add("is-new");
  return row;
}

/** Put a row where its time belongs: refused calls are told a moment later than accepted ones. */
function put(row, at) {
  enhance(row);
  let next = lines.firstElementChild;
  while (next && next.querySelector("time").dateTime > at) next = next.nextElementSibling;
  lines.insertBefore(row, next);
}

/** Return what a sentence consists of: what stands in backticks is code. */
function withCode(sentence) {
  return sentence.split("`").map((text, place) => {
    if (place % 2 === 0) return text;
    const code = document.createElement("code");
    code.textContent = text;
    return code;
  });
}

function take(event) {
  const line = JSON.parse(event.data);
  if (seen.has(line.id)) return;
  seen.add(line.id);
  count[line.kind] += 1;
  unspoken[line.kind] += 1;
  if (paused) held += 1;
  waiting.push(line);
  if (waiting.length > MOST) waiting.shift();
}

function show() {
  sayCounts();
  if (paused || !waiting.length) return;
  for (const line of waiting) put(fill(line), line.at);
  waiting = [];
  while (lines.children.length > MOST) lines.lastElementChild.remove();
  if (seen.size > 4 * MOST) {
    seen.clear();
    for (const row of lines.children) seen.add(row.dataset.id);
  }
  part("list").hidden = false;
  part("empty")?.remove();
}

// What is said of it

const calls = (many) => `${number.format(many)} ${many === 1 ? "call" : "calls"}`;

function inWords({ accepted, refused, row }) {
  const found = [];
  if (accepted) found.push(`${number.format(accepted)} accepted`);
  if (refused) found.push(`${number.format(refused)} refused`);
  if (row) found.push(`${number.format(row)} ${row === 1 ? "row" : "rows"} of files`);
  return found.join(", ");
}

function sayCounts() {
  const words = inWords(count);
  const text = words ? `${words} since ${clock.format(began)}` : `Waiting since ${clock.format(began)}`;
  if (part("counts").textContent !== text) part("counts").textContent = text;
  if (paused) say("state", `Paused, ${calls(held)} waiting`, "warn");
}

function speak() {
  const words = inWords(unspoken);
  if (words) part("spoken").textContent = `New: ${words}.`;
  for (const kind in unspoken) unspoken[kind] = 0;
}

function say(name, text, kind) {
  const found = part(name);
  if (found.textContent !== text) found.textContent = text;
  found.className = `badge ${kind}`;
}

function sayState() {
  if (paused) sayCounts();
  else if (source?.readyState === EventSource.OPEN) say("state", "Live", "good");
  else say("state", "Connecting…", "warn");
}

function problem(text) {
  const found = part("problem");
  found.textContent = text;
  found.hidden = !text;
}

// The connection

function connect() {
  source = new EventSource(address);
  source.onopen = () => {
    failures = 0;
    problem("");
    sayState();
  };
  source.onmessage = (event) => {
    remember(event);
    take(event);
  };
  source.addEventListener("gap", (event) => {
    remember(event);
    problem("There was more than could be told here; some calls are missing. Load the page again to see the newest.");
  });
  source.onerror = failed;
  sayState();
}

/** Note where the stream is, for a connection that the browser does not open again by itself. */
function remember(event) {
  const found = new URL(address, location.href);
  found.searchParams.set("last_event_id", event.lastEventId);
  address = found.pathname + found.search;
}

function failed() {
  sayState();
  if (source.readyState !== EventSource.CLOSED) return; // the browser connects again
  failures += 1;
  if (failures < GIVE_UP_AFTER) {
    setTimeout(connect, AGAIN_AFTER_MS);
    return;
  }
  say("state", "Not connected", "bad");
  problem("The server does not let this page listen. Load the page again; perhaps you have to sign in.");
}

// Pause

function pause(stop) {
  paused = stop;
  held = 0;
  const button = part("pause");
  button.setAttribute("aria-pressed", String(stop));
  button.textContent = stop ? "Go on" : "Pause";
  sayState();
  if (!stop) show();
}

part("pause").hidden = false;
part("pause").addEventListener("click", () => pause(!paused));

// One call, beside the list

const box = document.querySelector('[data-part="box"]');

lines.addEventListener("click", async (event) => {
  const link = event.target.closest('[data-part="link"]');
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    const reply = await fetch(link.href, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await reply.text(), "text/html");
    const record = page.getElementById("record");
    if (!record) throw new Error("no record");
    const title = document.createElement("h1");
    title.textContent = page.querySelector("h1").textContent;
    const shown = part("record", box);
    shown.replaceChildren(title, ...record.childNodes);
    part("whole", box).href = link.href;
    enhance(shown);
    mend(shown);
    box.showModal();
    box.scrollTop = 0;
  } catch {
    location.assign(link.href);
  }
});

box.addEventListener("click", (event) => {
  if (event.target === box) box.close(); // beside it
});

addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => {
  if (event.persisted) connect();
});
setInterval(show, SHOW_EVERY_MS);
setInterval(speak, SPEAK_EVERY_MS);
connect();
show();
