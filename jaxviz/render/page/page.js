"use strict";
// Every occlusion map: pointing, touching or moving with the arrow keys covers the nearest window of the sliding grid.
for (const root of document.querySelectorAll(".covering")) {
  const data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const stage = root.querySelector(".stage");
  const hole = root.querySelector(".hole");
  const patch = root.querySelector(".patch");
  const place = root.querySelector(".place");
  const items = [...root.querySelectorAll(".bars li")];
  const rows = data.covered.length, cols = data.covered[0].length;
  let current = null;

  const percent = (p) => (100 * p).toFixed(1) + "%";
  const clamp = (value, last) => Math.min(Math.max(value, 0), last);

  function setBar(item, label, p) {
    item.querySelector(".label").textContent = label;
    item.querySelector(".value").textContent = percent(p);
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
    const [top, left] = [row * data.stride[0], col * data.stride[1]];
    patch.style.top = percent(top / data.size[0]);
    patch.style.left = percent(left / data.size[1]);
    patch.style.height = percent(data.window[0] / data.size[0]);
    patch.style.width = percent(data.window[1] / data.size[1]);
    hole.hidden = false;
    show(shown, other);
    const best = shown.indexOf(Math.max(...shown));
    const [label, p] = other[1] > shown[best] ? [data.names[other[0]], other[1]] : [data.labels[best], shown[best]];
    place.textContent = `With rows ${top}–${top + data.window[0] - 1}, columns ${left}–${left + data.window[1] - 1} covered: ${label}, ${percent(p)}.`;
  }

  function uncover() {
    current = null;
    hole.hidden = true;
    show(data.clean, data.other.clean);
    place.textContent = "Nothing is covered.";
  }

  function point(event) {
    const box = stage.getBoundingClientRect();
    const y = (event.clientY - box.top) / box.height * data.size[0];
    const x = (event.clientX - box.left) / box.width * data.size[1];
    const row = Math.round((y - data.window[0] / 2) / data.stride[0]);
    const col = Math.round((x - data.window[1] / 2) / data.stride[1]);
    cover(clamp(row, rows - 1), clamp(col, cols - 1));
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
