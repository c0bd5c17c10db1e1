// The one script: every page works without it.
"use strict";

// An invitation's code is behind the #: no server on the way sees it, and it leaves the address bar.
const field = document.querySelector("[data-from-hash]");
if (field && location.hash.length > 1) {
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  document.querySelector("#password")?.focus();
}
