/** Sets the chosen theme before anything is drawn; a classic script, because modules run too late for that. */
"use strict";

(() => {
  const theme = localStorage.getItem("fairlead.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
