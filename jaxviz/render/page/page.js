"use strict";
// Every occlusion map: pointing, touching or moving with the arrow keys covers the nearest window of the sliding grid.
for (const root of document.querySelectorAll(".covering")) {
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const stage = root.querySelector(".stage");
  const patches = root.querySelectorAll(".patch");
  const place = root.querySelector(".place p");
  const items = [...root.querySelectorAll(".bars li")];
  const rows = data.covered.length, cols = data.covered[0].length;
  let current = null;

  const percent = (p, digits = 3) => (100 * p).toFixed(digits) + "%";
  const clamp = (value, last) => Math.min(Math.max(value, 0), last);

  function setBar(item, label, p) {
    item.querySelector(".label").textContent = label;
    item.querySelector(".value").textContent = percent(p, 1);
    item.querySelector(".fill").style.width = percent(p);
  }

  function show(shown, other) {
    data.labels.forEach((label, k) => setBar(items[k], label, shown[k]));
    setBar(items[items.length - 1], data.names[other[0]], other[1]);
  }

  function cover(row, col) {
    if (current && current[0] === row && current[1] === col) return;
    current = [row, col];
    const shown = data.covered[row][col];
    const other = [data.other.class[row][col], data.otherProbability[row][col]];
    const [top, left] = [data.corners[0][row], data.corners[1][col]];
    for (const patch of patches) {
      patch.style.top = percent(top / data.size[0]);
      patch.style.left = percent(left / data.size[1]);
      patch.style.height = percent(data.window[0] / data.size[0]);
      patch.style.width = percent(data.window[1] / data.size[1]);
      patch.hidden = false;
    }
    show(shown, other);
    const best = shown.indexOf(Math.max(...shown));
    const [label, p] = other[1] > shown[best] ? [data.names[other[0]], other[1]] : [data.labels[best], shown[best]];
    place.textContent = `With rows ${top}–${top + data.window[0] - 1}, columns ${left}–${left + data.window[1] - 1} covered: ${label}, ${percent(p, 1)}.`;
  }

  function uncover() {
    current = null;
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

  function point(event) {
    const box = stage.getBoundingClientRect();
    cover(nearest((event.clientY - box.top) / box.height, 0), nearest((event.clientX - box.left) / box.width, 1));
  }

  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const middle = [Math.floor(rows / 2), Math.floor(cols / 2)];
  stage.addEventListener("pointerdown", point);
  stage.addEventListener("pointermove", point);
  // A finger that is lifted leaves its answer on the page; a mouse that goes away takes it along.
  stage.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") uncover(); });
  stage.addEventListener("focus", () => { if (!current && stage.matches(":focus-visible")) cover(...middle); });
  stage.addEventListener("blur", uncover);
  stage.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return uncover();
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const [row, col] = current || middle;
    cover(clamp(row + move[0], rows - 1), clamp(col + move[1], cols - 1));
  });
}
