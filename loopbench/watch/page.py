"""Frames as one HTML page with a slider: it needs no other file and asks no other host for anything."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from string import Template

from loopbench.validation import printable
from loopbench.watch.frames import Frame
from loopbench.watch.style import DARK, LIGHT
from loopbench.watch.svg import FRAME_SECONDS, draw

SCRIPT = """
const [groups, status] = ["cells", "status"].map(id => [...document.getElementById(id).children]);
const [slider, button] = ["slider", "button"].map(id => document.getElementById(id));
const place = use => use.getAttribute("x") + "," + use.getAttribute("y");
const changes = groups.map(group => [...group.children].map(use => [place(use), use.getAttribute("href")]));
const cells = [...groups[0].children];
groups.slice(1).forEach(group => group.remove());
const last = status.length - 1;
let at = last, timer = 0;

function show(k) {
  at = Math.min(Math.max(k, 0), last);
  slider.value = at;
  const texts = [...status[at].querySelectorAll("text")].map(text => text.textContent);
  slider.setAttribute("aria-valuetext", texts.filter(text => text).join(", "));
  const looks = new Map(changes.slice(0, at + 1).flat());
  for (const cell of cells) {
    const look = looks.get(place(cell));
    if (cell.getAttribute("href") !== look) cell.setAttribute("href", look);
  }
  status.forEach((group, i) => group.style.visibility = i === at ? "visible" : "hidden");
}

function pause() {
  clearInterval(timer);
  timer = 0;
  button.textContent = "Play";
}

function play() {
  if (at === last) show(0);
  timer = setInterval(() => at < last ? show(at + 1) : pause(), $milliseconds);
  button.textContent = "Pause";
}

const toggle = () => timer ? pause() : play();
const keys = {
  ArrowLeft: () => at - 1, ArrowDown: () => at - 1, ArrowRight: () => at + 1, ArrowUp: () => at + 1,
  PageDown: () => at - 10, PageUp: () => at + 10, Home: () => 0, End: () => last,
};

button.addEventListener("click", toggle);
slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " " && event.target !== button) toggle();
  else if (Object.hasOwn(keys, event.key)) { pause(); show(keys[event.key]()); }
  else return;
  event.preventDefault();
});
show(0);
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
""".replace("$milliseconds", str(round(1000 * FRAME_SECONDS)))

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '$hash'">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
body, footer { background: $paper; }
body { margin: 0; font: 16px system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 0.5rem; }
svg { display: block; width: 100%; height: auto; max-height: max(36rem, 100dvh - 6rem); }
footer { position: sticky; bottom: 0; display: flex; gap: 1rem; align-items: center; padding: 0.75rem; }
button { min-width: 5.5rem; min-height: 2.75rem; border: 0; border-radius: 0.5rem; font: inherit; }
button { background: $right; color: $paper; }
input { flex: 1; min-width: 0; height: 2.75rem; accent-color: $right; }
@media (prefers-color-scheme: dark) {
  body, footer { background: $dark_paper; }
  button { background: $dark_right; color: $dark_paper; }
  input { accent-color: $dark_right; }
}
</style>
</head>
<body>
<main>
$picture
<footer>
<button id="button" type="button">Play</button>
<input id="slider" type="range" min="0" max="$last" value="$last" aria-label="iteration">
</footer>
</main>
<script>$script</script>
</body>
</html>
""")


def draw_page(frames: Sequence[Frame], model: str, example: str) -> str:
    """The page: play and pause with the space bar, step with the arrow keys."""
    return PAGE.substitute(
        hash="sha256-" + b64encode(sha256(SCRIPT.encode()).digest()).decode(),
        title=escape(f"{printable(model)} on {printable(example)}"),
        paper=LIGHT["paper"],
        dark_paper=DARK["paper"],
        right=LIGHT["right"],
        dark_right=DARK["right"],
        picture=draw(frames, model, example, animated=False),
        last=len(frames) - 1,
        script=SCRIPT,
    )
