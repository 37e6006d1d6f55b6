"use strict";
// Every occlusion map: pointing, touching or moving with the arrow keys covers the nearest window of the sliding grid.
for (const root of document.querySelectorAll(".covering")) {
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const stages = root.querySelectorAll(".stage");
  const patches = root.querySelectorAll(".patch");
  const place = root.querySelector(".place p");
  const items = [...root.querySelectorAll(".bars li")];
  const rows = data.covered.length, cols = data.covered[0].length;
  let current = null, pinned = false;

  const length = (share) => (100 * share).toFixed(3) + "%";
  const percent = (p) => {
    if (p > 0 && p < 0.0005) return "<0.1%";
    if (p >= 0.9995 && p < 1) return ">99.9%";
    return (100 * p).toFixed(1) + "%";
  };
  const clamp = (value, last) => Math.min(Math.max(value, 0), last);

  function setBar(item, label, p) {
    item.querySelector(".label").textContent = label;
    item.querySelector(".value").textContent = percent(p);
    item.querySelector(".fill").style.width = length(p);
  }

  function show(shown, other) {
    data.labels.forEach((label, k) => setBar(items[k], label, shown[k]));
    setBar(items[items.length - 1], data.names[other[0]], other[1]);
  }

  function cover(row, col) {
    current = [row, col];
    const shown = data.covered[row][col];
    const other = [data.other.class[row][col], data.otherProbability[row][col]];
    const [top, left] = [data.corners[0][row], data.corners[1][col]];
    for (const patch of patches) {
      patch.style.top = length(top / data.size[0]);
      patch.style.left = length(left / data.size[1]);
      patch.style.height = length(data.window[0] / data.size[0]);
      patch.style.width = length(data.window[1] / data.size[1]);
      patch.hidden = false;
    }
    show(shown, other);
    const best = shown.indexOf(Math.max(...shown));
    const [label, p] = other[1] > shown[best] ? [data.names[other[0]], other[1]] : [data.labels[best], shown[best]];
    place.textContent = `With rows ${top}–${top + data.window[0] - 1}, columns ${left}–${left + data.window[1] - 1} covered: ${label}, ${percent(p)}.${pinned ? " Kept: click again, or press Escape, to let it go." : ""}`;
  }

  function pin(on) {
    pinned = on;
    root.classList.toggle("pinned", on);
  }

  function uncover() {
    current = null;
    pin(false);
    patches.forEach((patch) => { patch.hidden = true; });
    show(data.clean, data.other.clean);
    place.textContent = "Nothing is covered.";
  }

  // The window whose middle is nearest, along one axis.
  function nearest(share, axis) {
    const first = share * data.size[axis] - data.window[axis] / 2;
    const distances = data.corners[axis].map((corner) => Math.abs(corner - first));
    return distances.indexOf(Math.min(...distances));
  }

  function placeOf(event, stage) {
    const box = stage.getBoundingClientRect();
    return [nearest((event.clientY - box.top) / box.height, 0), nearest((event.clientX - box.left) / box.width, 1)];
  }

  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const middle = [Math.floor(rows / 2), Math.floor(cols / 2)];
  for (const stage of stages) {
    stage.addEventListener("pointermove", (event) => { if (!pinned) cover(...placeOf(event, stage)); });
    stage.addEventListener("pointerdown", (event) => { if (!pinned) cover(...placeOf(event, stage)); });
    stage.addEventListener("click", (event) => {
      const [row, col] = placeOf(event, stage);
      // A second click on a place that is kept lets it go.
      const again = pinned && current[0] === row && current[1] === col;
      pin(!again);
      cover(row, col);
    });
    // A finger that is lifted leaves its answer on the page; a mouse that goes away takes it along.
    stage.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse" && !pinned) uncover(); });
    stage.addEventListener("focus", () => { if (!current && stage.matches(":focus-visible")) cover(...middle); });
    stage.addEventListener("blur", () => { if (!pinned) uncover(); });
    stage.addEventListener("keydown", (event) => {
      if (event.key === "Escape") return uncover();
      const [row, col] = current || middle;
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        pin(!pinned);
        return cover(row, col);
      }
      const move = moves[event.key];
      if (!move) return;
      event.preventDefault();
      cover(clamp(row + move[0], rows - 1), clamp(col + move[1], cols - 1));
    });
  }
}

// Every other picture: a click shows it as large as fits, a strip as a whole; the arrow keys go on to the next.
const enlarge = [...document.querySelectorAll(".enlarge")].filter((button) => button.tabIndex === 0);
const zoom = document.createElement("dialog");
zoom.className = "zoom";
document.body.append(zoom);

function enlarged(button) {
  const strip = button.closest(".strip");
  const pictures = [...(strip || button).querySelectorAll("img")];
  const words = strip ? strip.querySelector("h4") : button.parentElement.querySelector("figcaption");
  const large = document.createElement("div");
  large.className = "large";
  for (const picture of pictures) {
    const figure = document.createElement("figure");
    const caption = strip && picture.closest("figure").querySelector("figcaption");
    figure.append(picture.cloneNode(), ...(caption ? [caption.cloneNode(true)] : []));
    large.append(figure);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "close";
  close.textContent = "Close";
  const text = document.createElement("div");
  text.className = "words";
  text.append(close, ...(words ? [...(strip ? [words] : words.children)].map((part) => part.cloneNode(true)) : []));
  const widths = pictures.map((picture) => picture.naturalWidth / picture.naturalHeight);
  zoom.style.setProperty("--count", pictures.length);
  zoom.style.setProperty("--aspect", widths.reduce((sum, width) => sum + width, 0));
  zoom.setAttribute("aria-label", (strip ? words : pictures[0].closest("figure").querySelector("figcaption")).textContent.trim());
  zoom.replaceChildren(large, text);
  zoom.current = button;
  if (!zoom.open) zoom.showModal();
  close.focus();
}

for (const button of document.querySelectorAll(".enlarge")) {
  const first = button.closest(".strip") ? button.closest(".strip").querySelector(".enlarge") : button;
  button.addEventListener("click", () => enlarged(first));
}
zoom.addEventListener("click", () => zoom.close());
zoom.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  enlarged(enlarge[(enlarge.indexOf(zoom.current) + step + enlarge.length) % enlarge.length]);
});
zoom.addEventListener("close", () => zoom.current.focus());
