// Choosing several lines of a list: all of them at once, how many there are, and no empty form.

const form = document.querySelector("#chosen");

if (form) {
  const boxes = [...document.querySelectorAll('input[type="checkbox"][form="chosen"]')];
  const all = form.querySelector("[data-all]");
  const one = all.querySelector("input");
  const count = form.querySelector("[data-count]");
  const summary = form.querySelector("summary");
  const look = () => {
    const many = boxes.filter((box) => box.checked).length;
    one.checked = many === boxes.length;
    one.indeterminate = many > 0 && many < boxes.length;
    count.textContent = many ? `${many} chosen` : "";
    for (const button of form.querySelectorAll("button")) button.disabled = many === 0;
    summary.setAttribute("aria-disabled", many === 0);
    if (many === 0) summary.parentElement.open = false;
  };
  one.addEventListener("change", () => {
    for (const box of boxes) box.checked = one.checked;
    look();
  });
  for (const box of boxes) box.addEventListener("change", look);
  summary.addEventListener("click", (event) => {
    if (summary.ariaDisabled === "true") event.preventDefault();
  });
  addEventListener("pageshow", look); // a browser that goes back may keep what was chosen
  all.hidden = false;
  look();
}
