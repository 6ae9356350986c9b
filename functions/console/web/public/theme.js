// Before the first paint, so that the page does not flash in the other theme.
(() => {
  let choice = null;
  try {
    choice = localStorage.getItem("ade.theme");
  } catch {
    // Storage is blocked: the system's theme it is.
  }
  const dark = choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
