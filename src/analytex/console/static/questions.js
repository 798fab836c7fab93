// Forms of questions: empty fields are not sent, rows grow as they are filled, days show only where
// they count, and the reader's own time zone is offered. Without it, the forms work all the same.

for (const form of document.querySelectorAll("form.question")) {
  growRows(form);
  offerZone(form);
  showDays(form);
  form.addEventListener("submit", () => sendOnlyWhatIsFilled(form));
}

/** The last row of a group is always empty: when it is filled, another one follows. */
function growRows(form) {
  form.addEventListener("input", (event) => {
    const group = event.target.closest("[data-repeat]");
    const row = event.target.closest("[data-row]");
    if (!group || !row || row !== [...group.querySelectorAll("[data-row]")].at(-1)) return;
    const fields = [...row.querySelectorAll("input")];
    if (!fields.some((field) => field.value)) return;
    const next = row.cloneNode(true);
    const place = group.querySelectorAll("[data-row]").length + 1;
    next.querySelectorAll("input").forEach((field) => (field.value = ""));
    next.querySelectorAll("[aria-label]").forEach((field) => {
      field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+(?!.*\d)/, place));
    });
    next.querySelectorAll(".step-place").forEach((mark) => (mark.textContent = place));
    next.querySelectorAll("details").forEach((more) => more.remove());
    row.after(next);
  });
}

function offerZone(form) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const list = document.getElementById("zones");
  const field = form.elements.tz;
  if (!zone || !list || !field) return;
  if (![...list.options].some((option) => option.value === zone)) {
    const option = document.createElement("option");
    option.value = zone;
    list.prepend(option);
  }
}

function showDays(form) {
  const last = form.elements.last;
  const days = form.querySelector("[data-dates]");
  const show = () => (days.hidden = last.value !== "");
  last.addEventListener("change", show);
  show();
}

function sendOnlyWhatIsFilled(form) {
  const groups = [".property", ".op", ".value"];
  for (const field of [...form.elements]) {
    if (!field.name || groups.some((end) => field.name.endsWith(end))) continue;
    // An empty step keeps its place, by which its conditions are known.
    if (!field.value && field.name !== "step") field.disabled = true;
  }
  for (const row of form.querySelectorAll(".condition")) {
    const [property] = row.querySelectorAll("input");
    if (!property.value) row.querySelectorAll("input, select").forEach((field) => (field.disabled = true));
  }
  // The page may be shown again from the browser's memory, by its button back.
  window.addEventListener("pageshow", () => {
    for (const field of [...form.elements]) field.disabled = false;
  });
}
