// On every page: skipping to the content must not replace what the address keeps behind "#".
"use strict";
document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  document.getElementById("main").focus();
});
