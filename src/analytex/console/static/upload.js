// Files to upload: chosen or dropped, sent with a bar that moves, followed on the job's own page.

import { csrf, enhance } from "./console.js";
import { load, move } from "./moving.js";

let kept = null; // the file that was sent last, to be stored after it was checked

/** Make the forms of an element live. */
function begin(root = document) {
  for (const form of root.querySelectorAll("form[data-upload]")) {
    if (!form.dataset.live) new Upload(form).begin();
  }
}

function Upload(form) {
  const input = form.querySelector('input[type="file"]');
  const drop = form.querySelector(".drop");
  const title = drop.querySelector(".drop-title");
  const error = form.querySelector(".upload-error");
  const buttons = form.querySelector(".upload-buttons");
  const progress = form.querySelector(".upload-progress");
  const bar = progress.querySelector("progress");
  const said = progress.querySelector(".upload-said");
  const most = Number(form.dataset.mostBytes ?? 0);
  const empty = [...title.childNodes];
  let request = null;

  this.begin = () => {
    form.dataset.live = "yes";
    form.querySelector(".drop-by-script").hidden = false;
    input.addEventListener("change", show);
    form.addEventListener("submit", send);
    form.querySelector(".upload-stop").addEventListener("click", () => request?.abort());
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", take);
    if ("same" in form.dataset && kept) choose(kept);
    show();
  };

  function take(event) {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length > 1) return refuse("One file at a time.");
    if (event.dataTransfer.files.length === 0 || request) return;
    input.files = event.dataTransfer.files;
    show();
  }

  function choose(file) {
    const files = new DataTransfer();
    files.items.add(file);
    input.files = files.files;
  }

  function show() {
    const file = input.files[0];
    drop.classList.toggle("chosen", Boolean(file));
    if (file) title.replaceChildren(`${file.name} (${size(file.size)})`);
    else title.replaceChildren(...empty);
    if (file && most && file.size > most && !file.name.endsWith(".gz")) {
      refuse(`The file is too large: at most ${size(most)} are taken. Split it, please.`);
    } else if (file) refuse("");
  }

  function send(event) {
    event.preventDefault();
    const file = input.files[0];
    if (!file || request) return;
    const data = new FormData(form);
    const button = event.submitter ?? form.querySelector("button[type=submit]");
    data.append(button.name, button.value);
    refuse("");
    busy(true);
    request = new XMLHttpRequest();
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = total ? loaded / total : 0;
      say(loaded < total ? `${size(loaded)} of ${size(total)} are sent` : "The server writes it down");
    });
    request.addEventListener("load", () => answered(file));
    request.addEventListener("error", () => {
      failed("The file could not be sent. If it was changed meanwhile, choose it again; else the server may be restarting.");
    });
    request.addEventListener("abort", () => failed("Stopped. Nothing was stored."));
    request.open("POST", form.action);
    request.setRequestHeader("accept", "application/json");
    request.setRequestHeader("x-csrf-token", csrf);
    request.send(data);
  }

  async function answered(file) {
    if (request.status === 401) return location.reload();
    let reply = {};
    try {
      reply = JSON.parse(request.responseText);
    } catch {
      // not from the page of uploads
    }
    if (request.status !== 200 || !reply.address) {
      const text = [reply.message, reply.details].filter(Boolean).join(" ");
      return failed(text || `The server refused it (${request.status}). Load the page again.`);
    }
    kept = file;
    busy(false);
    await visit(reply.address);
  }

  function failed(text) {
    busy(false);
    refuse(text);
    form.querySelector("button[type=submit]").focus();
  }

  function refuse(text) {
    error.textContent = text;
    error.hidden = !text;
  }

  function busy(is) {
    request = null;
    bar.value = 0;
    said.textContent = "";
    progress.hidden = !is;
    buttons.hidden = is;
    drop.classList.toggle("busy", is);
    window.onbeforeunload = is ? (event) => event.preventDefault() : null;
  }

  let told = 0;
  function say(text) {
    if (Date.now() - told < 400) return; // nobody reads faster
    told = Date.now();
    said.textContent = text;
  }
}

/** Show another page in place of this one, so that the file that was chosen is not lost. */
async function visit(address) {
  const page = await load(address).catch(() => null);
  const main = page?.querySelector("main");
  if (!main) return location.assign(address);
  document.querySelector("main").replaceWith(main);
  document.title = page.title;
  history.pushState(null, "", address);
  scrollTo(0, 0);
  enhance(main);
  begin(main);
  main.focus();
  move();
}

function size(bytes) {
  for (const [unit, name] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (bytes >= unit) return `${Number((bytes / unit).toPrecision(3))} ${name}`;
  }
  return `${bytes} B`;
}

addEventListener("popstate", () => location.reload());
document.addEventListener("content-changed", (event) => begin(event.target));
begin();
