// Says while a body is mended whether it is JSON, and where it is not.

/** Do that for the field in an element, if there is one; other pages call it for what they add. */
export function mend(root = document) {
  const field = root.querySelector("#f-body");
  const hint = root.querySelector("#f-body-json");
  if (hint?.dataset.json !== "true") return;
  let later = 0;
  const look = () => {
    hint.className = "hint";
    try {
      JSON.parse(field.value);
      hint.textContent = "It is valid JSON.";
    } catch (error) {
      hint.textContent = field.value.trim() ? `It is no JSON yet: ${error.message}.` : "";
      hint.className = "field-error";
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(look, 300);
  });
  look();
}

mend();
