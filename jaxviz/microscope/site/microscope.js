"use strict";
(() => {
  const page = document.getElementById("page"), way = document.getElementById("way"), zoom = document.getElementById("zoom");
  const waiting = new Map(), got = new Map();
  let site = null, shown = 0;

  // Data come as scripts, as a page from a disk may fetch nothing.
  window.microscope = (name, value) => { got.set(name, value); };
  const load = (name) => {
    if (got.has(name)) return Promise.resolve(got.get(name));
    if (!waiting.has(name)) {
      waiting.set(name, new Promise((resolve) => {
        const script = document.createElement("script");
        const done = () => { script.remove(); waiting.delete(name); resolve(got.has(name) ? got.get(name) : null); };
        script.onload = done;
        script.onerror = done;
        script.src = name.split("/").map(encodeURIComponent).join("/") + ".js";
        document.head.append(script);
      }));
    }
    return waiting.get(name);
  };

  // Text from anywhere enters the page as text alone.
  const h = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (key === "style") Object.assign(node.style, value);
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return node;
  };
  const svg = (tag, attributes = {}, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };

  const put = (...nodes) => page.replaceChildren(...nodes.filter((node) => node !== null && node !== undefined));

  const link = (...parts) => "#/" + parts.map((part) => encodeURIComponent(part)).join("/");
  const number = (value) => value === null || value === undefined ? "–" : String(+Number(value).toPrecision(3)).replace("-", "\u2212");
  const percent = (value, digits = 1) => value === null || value === undefined ? "–" : (100 * value).toFixed(digits).replace("-", "\u2212") + "%";
  const signed = (value, say = number) => (value > 0 ? "+" : "") + say(value);
  const label = (k) => site.labels.length ? site.labels[k].replaceAll("_", " ") : `output ${k}`;
  const channels = (layer) => typeof layer.channels === "number" ? [...Array(layer.channels).keys()] : layer.channels;
  const unitName = (layer, channel) => {
    if (layer.units === "labels") return site.labels[channel].replaceAll("_", " ");
    return layer.units ? layer.units[channels(layer).indexOf(channel)] : "";
  };
  const place = (layer) => site.layers.indexOf(layer);
  const byName = (name) => site.layers.find((layer) => layer.name === name);
  const spoken = (layer, channel) => unitName(layer, channel) || String(channel);
  const classLink = (k) => site.classes && site.classes.includes(k) ? h("a", {href: link("~class", k)}, label(k)) : label(k);

  // A part of a sheet of pictures, as large as its box.
  const tile = (url, side, x, y, [width, height], attributes = {}) => {
    const across = width === side ? 0 : 100 * x / (width - side), down = height === side ? 0 : 100 * y / (height - side);
    return h("span", {class: "tile" + (side < 40 ? " grainy" : ""), ...attributes, style: {
      backgroundImage: `url("${url}")`, backgroundSize: `${100 * width / side}% ${100 * height / side}%`,
      backgroundPosition: `${across}% ${down}%`, ...attributes.style,
    }});
  };

  const look = (image, box, field, words) => {
    const [height, width] = site.input;
    const frame = ([top, left, bottom, right], kind) => h("span", {class: kind, style: {
      top: `${100 * top / height}%`, left: `${100 * left / width}%`, height: `${100 * (bottom - top) / height}%`, width: `${100 * (right - left) / width}%`,
    }});
    zoom.replaceChildren(
      h("div", {class: "whole" + (width < 100 ? " small" : "")}, h("img", {src: `images/${image}.webp`, alt: `Image ${image}`}),
        field ? frame(field, "mark field") : null, box ? frame(box, "mark") : null),
      h("p", {class: "soft"}, words, field ? " Framed: what is shown; dashed: all that the unit can see." : ""),
      h("button", {onclick: () => zoom.close()}, "Close"),
    );
    zoom.showModal();
  };
  zoom.addEventListener("click", (event) => { if (event.target === zoom) zoom.close(); });

  const title = (text, ...more) => { document.title = `${text} · ${site.name}`; return h("h1", {}, text, ...more); };
  const crumbs = (...parts) => {
    const last = parts.pop();
    way.replaceChildren(...parts.map(([text, href]) => h("a", {href}, text)), h("span", {}, last));
  };
  const home = () => [site.name, "#/"];
  const bars = (rows, say, caption) => {
    const most = Math.max(...rows.map(([, value]) => Math.abs(value)), 1e-12);
    return h("table", {}, h("tbody", {}, rows.map(([what, value]) => h("tr", {}, h("td", {}, what),
      h("td", {class: "bar", "aria-hidden": "true"}, h("span", {class: "track"}, h("span", {class: "fill" + (value < 0 ? " negative" : ""), style: {left: 0, width: `${100 * Math.abs(value) / most}%`}}))),
      h("td", {class: "number"}, say(value))))), caption ? h("caption", {class: "soft", style: {captionSide: "bottom", textAlign: "left"}}, caption) : null);
  };

  // The network: its layers in order.
  const showNetwork = () => {
    crumbs(site.name);
    const total = site.layers.reduce((sum, layer) => sum + channels(layer).length, 0);
    const written = site.layers.reduce((sum, layer) => sum + layer.written, 0);
    const each = site.overview, side = site.thumbnail, size = [each * side, site.layers.length * side];
    const facts = [`${total.toLocaleString("en")} units of ${site.layers.length} layers, looked at over ${site.images.toLocaleString("en")} images of ${site.data}.`];
    if (site.accuracy !== null) facts.push(` It is right for ${percent(site.accuracy)} of them.`);
    put(
      title(`${site.name} on ${site.data}`), h("p", {}, facts),
      site.complete ? null : h("p", {class: "flag"}, `Still being made: ${written.toLocaleString("en")} of ${total.toLocaleString("en")} units have their page.`),
      h("section", {}, h("h2", {}, "Layers"), h("div", {class: "layers"}, site.layers.map((layer, row) => h("a", {class: "layer", href: link(layer.name)},
        h("strong", {}, layer.name),
        h("span", {class: "soft"}, `${layer.shape.join("×")}`, layer.field === undefined ? ", still to come" : `, sees ${layer.field} px`, layer.dead ? `, ${layer.dead} dead` : "", layer.always ? `, ${layer.always} always on` : ""),
        layer.field === undefined ? h("span") : h("span", {class: "strip", "aria-hidden": "true"}, Array.from({length: Math.min(each, channels(layer).length)}, (_, col) => tile("layers/overview.webp", side, col * side, row * side, size))))))),
      site.classes ? h("section", {}, h("h2", {}, `Classes with images (${site.classes.length})`), h("ul", {class: "classes"}, site.classes.map((k) => h("li", {}, classLink(k))))) : null,
      h("section", {}, h("h2", {}, "How to make it again"), h("pre", {tabindex: 0}, code([
        `jv.microscope.build(f, dataset, ${JSON.stringify(site.layers.map((layer) => layer.name).filter((name) => name !== "output"))}, "site", rule="${site.rule}")`])),
        h("p", {class: "soft"}, Object.entries(site.versions).map(([what, version]) => `${what} ${version}`).join(", "))),
    );
  };
  const code = (lines) => ["import jaxviz as jv", ...Object.entries(site.calls).map(([, line]) => line), ...lines].join("\n");

  // A layer: all its units, in an order of the reader's.
  const ORDERS = {
    number: ["in order", null],
    strength: ["strongest first", (numbers) => numbers.strength.map((value) => -value)],
    selectivity: ["most selective first", (numbers) => numbers.selectivity && numbers.selectivity.map((value) => -value)],
    loss: ["most is lost without it", (numbers) => numbers.loss && numbers.loss.map((value) => -value)],
    zeros: ["rarest first", (numbers) => numbers.zeros.map((value) => -value)],
    dead: ["dead first", (numbers) => numbers.flags.map((flag) => flag === "dead" ? -1 : flag ? 0 : 1)],
  };
  const showLayer = async (layer, turn) => {
    crumbs(home(), layer.name);
    const numbers = await load(`layers/${place(layer)}`);
    if (turn !== shown) return;
    if (!numbers) return notYet(`The layer ${layer.name}`);
    const all = channels(layer), side = site.thumbnail;
    const order = h("select", {"aria-label": "Order"}, Object.entries(ORDERS).filter(([, [, by]]) => !by || by(numbers)).map(([key, [words]]) => h("option", {value: key}, words)));
    const filter = h("input", {type: "search", placeholder: "number or class", "aria-label": "Filter units"});
    const list = h("div"), count = h("span", {class: "soft", role: "status"});
    const words = (index) => {
      const parts = [spoken(layer, all[index])];
      if (numbers.class && numbers.selectivity[index]) parts.push(label(numbers.class[index]));
      return parts;
    };
    const cell = (index) => {
      const sheet = Math.floor(index / 64), spot = index % 64, rows = Math.ceil(Math.min(64, all.length - 64 * sheet) / 8);
      const [name, told] = words(index);
      return h("a", {class: "cell" + (numbers.flags[index] === "dead" ? " dead" : ""), href: link(layer.name, all[index]), title: `strongest ${number(numbers.strength[index])}, zeros ${percent(numbers.zeros[index], 0)}${numbers.flags[index] ? ", " + numbers.flags[index] : ""}`},
        tile(`layers/${place(layer)}-${sheet}.webp`, side, spot % 8 * side, Math.floor(spot / 8) * side, [8 * side, rows * side]),
        name, told && layer.name !== site.output ? h("span", {class: "soft", style: {display: "block", fontSize: ".7rem"}}, told) : null);
    };
    const draw = () => {
      const by = ORDERS[order.value][1], wanted = filter.value.trim().toLowerCase();
      let indices = [...all.keys()];
      if (wanted) indices = indices.filter((index) => words(index).some((word) => word.toLowerCase().includes(wanted)));
      if (by) { const keys = by(numbers); indices.sort((a, b) => keys[a] - keys[b] || a - b); }
      count.textContent = `${indices.length} of ${all.length}`;
      const chunks = [];
      for (let first = 0; first < indices.length; first += 96) chunks.push(h("div", {class: "chunk"}, indices.slice(first, first + 96).map(cell)));
      list.replaceChildren(...chunks, ...(indices.length ? [] : [h("p", {class: "waiting"}, "No unit is like that.")]));
    };
    order.addEventListener("change", draw);
    filter.addEventListener("input", draw);
    put(title(layer.name), h("p", {}, `${all.length} units, ${layer.shape.join("×")}; each sees at most ${layer.field} pixels across. `, layer.dead ? `${layer.dead} never answer. ` : "", layer.always ? `${layer.always} always do. ` : "", "Under each, the class that it tells best."),
      h("div", {class: "controls"}, order, filter, count), list);
    draw();
  };

  const notYet = (what) => put(h("p", {class: "waiting"}, `${what} is still to come.`, site.complete ? " It is not part of this site." : " Reload the page later."));

  // A unit.
  const showUnit = async (layer, channel, turn) => {
    const all = channels(layer), index = all.indexOf(channel), named = unitName(layer, channel);
    crumbs(home(), [layer.name, link(layer.name)], named || String(channel));
    if (index < 0) return notYet(`Unit ${channel} of ${layer.name}`);
    const where = `units/${place(layer)}/${channel}`;
    const found = await load(where);
    if (turn !== shown) return;
    if (!found) return notYet(`The page of ${layer.name} ${channel}`);
    const sheet = `${where}.webp`, [large, tiles, thumbs, size] = found.layout;
    const part = ([side, top, cols], spot, attributes) => tile(sheet, side, spot % cols * side, top + Math.floor(spot / cols) * side, size, attributes);
    const neighbors = (rows, say) => rows.length ? h("ul", {class: "units"}, rows.map(([at, other, strength, spot]) => h("li", {}, h("a", {href: link(site.layers[at].name, other)},
      part(thumbs, spot), `${site.layers[at].name} ${spoken(site.layers[at], other)}`, h("br"), h("span", {class: strength < 0 ? "downward" : "up"}, say(strength)))))) : h("p", {class: "soft"}, "None.");
    const caption = (value) => number(value);
    const flags = {dead: ["dead", "No image of the data excites it."], always: ["always on", "Every image excites it, everywhere."]};
    const patch = ([image, value, box, field], ...parts) => h("figure", {class: "patch"},
      h("button", {"aria-label": `Image ${image}: show all of it`, onclick: () => look(image, box, field, `Image ${image}, activation ${number(value)}.`)}, ...parts), h("figcaption", {}, caption(value)));
    const sections = [];
    sections.push(h("section", {}, h("h2", {}, "What excites it most"), found.top.length ? h("p", {class: "soft"}, "Patches of the images that excite it most, each beside what of it does: the activation projected back to the pixels. The number is the activation. Press one to see the whole image.") : h("p", {}, "Nothing does."),
      h("div", {class: "patches"}, found.top.map((one, rank) => patch(one, part(tiles, 2 * rank), part(tiles, 2 * rank + 1))))));
    if (found.pictures) {
      const words = {up: "channel up", down: "channel down", unit: "one unit", diverse: "diverse"};
      sections.push(h("section", {}, h("h2", {}, "What it asks for"), h("p", {class: "soft"}, "Made by gradient ascent. Under each, the activation that it reaches as a multiple of the strongest image\u2019s, and what is left of that in views that the ascent has not seen."),
        h("div", {class: "asked"}, found.pictures.map(([kind, reached, kept], spot) => h("figure", {class: "patch"}, part(large, spot), h("figcaption", {}, h("strong", {}, words[kind] || kind), h("br"), `${number(reached)}×, unseen ${number(kept)}×`))))));
    }
    sections.push(h("section", {}, h("h2", {}, "All its answers, not the strongest alone"), histogram(found),
      h("p", {class: "soft"}, `The strongest activation in each of ${found.sample.toLocaleString("en")} images. ${percent(found.silent, 0)} of them leave it silent; ${percent(found.zeros, 0)} of all its activations, place by place, are zero.`),
      h("div", {class: "quantiles"}, found.quantiles.map(([quantile, pair]) => h("div", {}, h("div", {class: "soft"}, quantile ? `${Math.round(100 * quantile)}% are weaker` : "the weakest"),
        pair.map((one) => patch(one, part(tiles, one[4]))))))));
    const tells = [];
    if (found.tells) tells.push(h("section", {}, h("h2", {}, "Which classes it tells"), found.tells.length ? bars(found.tells.map(([k, value, count]) => [h("span", {}, classLink(k), h("span", {class: "soft"}, ` of ${count}`)), value]), signed, "Difference of the mean activation between the class and all others, in standard deviations (Cohen\u2019s d), and of how many images of the class.") : h("p", {class: "soft"}, "None.")));
    if (found.removed) tells.push(h("section", {}, h("h2", {}, "What is lost without it"), h("p", {}, `Set to zero everywhere, accuracy changes by ${signed(found.removed.accuracy, (value) => percent(value, 2))}, the loss by ${signed(found.removed.loss)}.`),
      found.removed.classes.length ? bars(found.removed.classes.map(([k, value]) => [classLink(k), value]), (value) => signed(value, percent), "Change of accuracy by class.") : null));
    if (found.gradient) tells.push(h("section", {}, h("h2", {}, "Which outputs it moves"), found.gradient.length ? bars(found.gradient.map(([k, value]) => [classLink(k), value]), signed, `Mean gradient of the output with respect to the unit, over ${found.gradient_images} images.`) : h("p", {class: "soft"}, "None.")));
    if (found.survival) tells.push(h("section", {}, h("h2", {}, "What it survives"), h("div", {class: "curves"}, Object.entries(found.survival).map(([kind, [amounts, values]]) => curve({shift: "shift, px of 224", zoom: "zoom, times", turn: "turn, degrees"}[kind], amounts, values))), h("p", {class: "soft"}, "Its activation in its three strongest images when they are shifted, enlarged and turned, as a share of what it was.")));
    if (tells.length) sections.push(h("div", {class: "two"}, tells));
    if (found.below || found.above) sections.push(h("section", {}, h("h2", {}, "What it is joined to"),
      found.below ? [h("p", {class: "soft"}, `Units of the layer below, by how much they add to it: activation times gradient over ${found.below_images} images, the share of all of them.`), neighbors(found.below, (value) => signed(value, percent))] : null,
      found.above ? [h("p", {class: "soft"}, `Units of the layer above, by how much it adds to them, over ${found.above_images} images.`), neighbors(found.above, (value) => signed(value, percent))] : null));
    sections.push(h("section", {}, h("h2", {}, "Units like it"), h("p", {class: "soft"}, "In any layer, by the correlation of their answers over the images."), neighbors(found.similar, (value) => `r ${number(value)}`)));
    if (found.compared) sections.push(h("section", {}, h("h2", {}, "In other networks"), h("p", {}, h("a", {href: link("~compare", layer.name, channel)}, "Side by side")), bars(found.compared.map(([r], other) => [site.others[other], r === null ? 0 : r]), number, "Rank correlation of its answers with those of the same unit there, over the images.")));
    sections.push(h("section", {}, h("h2", {}, "How to make it again"), h("pre", {tabindex: 0}, code(recipe(layer, channel, found))),
      h("p", {class: "soft"}, Object.entries(site.versions).map(([what, version]) => `${what} ${version}`).join(", "), ". This page: ", h("a", {href: location.hash}, location.hash))));
    const step = (by) => all[index + by] === undefined ? null : link(layer.name, all[index + by]);
    put(
      title(`${layer.name} ${channel}`, named ? `: ${named}` : "", found.flag ? h("span", {class: "flag", title: flags[found.flag][1]}, flags[found.flag][0]) : ""),
      found.flag ? h("p", {}, flags[found.flag][1]) : null, ...sections,
      h("nav", {class: "turn", "aria-label": "Neighbors"}, step(-1) ? h("a", {href: step(-1), rel: "prev"}, `← ${layer.name} ${all[index - 1]}`) : h("span"), step(1) ? h("a", {href: step(1), rel: "next"}, `${layer.name} ${all[index + 1]} →`) : h("span")));
  };

  // The lines that give the strongest image again, and what of it excites the unit.
  const recipe = (layer, channel, found) => {
    const name = JSON.stringify(layer.name), rule = `rule="${layer.rule}"`, lines = [];
    if (layer.kind === "direction") return [`# a direction: see the option directions of jv.microscope.build, and the unit ${JSON.stringify(spoken(layer, channel))}`];
    if (!found.top.length) return [`# nothing excites channel ${channel} of ${name}`];
    if (layer.kind === "layer") lines.push(`found = jv.dataset.strongest(f, dataset, [${name}], channels=[${channel}], num=${found.top.length}, scan=scan)[${name}]`);
    lines.push(`image = ${site.preprocess ? "scan.preprocess" : ""}(dataset[0][${found.top[0][0]}][None])  # the strongest`);
    if (layer.kind === "output") lines.push(`projection = jv.saliency(f, image, ${channel}, ${rule})`);
    else if (layer.shape.length === 3) lines.push(`projection = jv.project(f, image, ${name}, [(*map(int, found.positions[0, 0]), ${channel})], ${rule})`);
    else lines.push(`projection = jv.saliency(jv.upto(f, ${name}), image, ${channel}, ${rule}) * found.activations[0, 0]`);
    return lines;
  };

  const histogram = (found) => {
    const [low, high] = found.range, counts = found.histogram, most = Math.max(...counts, 1), width = 400 / counts.length;
    const shape = svg("svg", {viewBox: "0 0 400 96", role: "img", "aria-label": `Histogram of the strongest activation in each image, from ${number(low)} to ${number(high)}`, style: "max-width: 34rem"});
    counts.forEach((count, bin) => {
      // The root of the count: a single image is to be seen beside thousands.
      const tall = 78 * Math.sqrt(count / most);
      const bar = svg("rect", {x: bin * width + .5, y: 80 - tall, width: Math.max(width - 1, 1), height: tall, fill: "var(--bar)"});
      bar.append(svg("title", {}, `${count} images`));
      shape.append(bar);
    });
    shape.append(svg("line", {x1: 0, x2: 400, y1: 80, y2: 80, stroke: "var(--line)"}), svg("text", {x: 0, y: 93}, number(low)), svg("text", {x: 400, y: 93, "text-anchor": "end"}, number(high)), svg("text", {x: 200, y: 93, "text-anchor": "middle"}, "strongest activation in an image"));
    return shape;
  };
  const curve = (words, amounts, values) => {
    const some = values.filter((value) => value !== null), most = Math.max(1.1, ...some), first = amounts[0], last = amounts[amounts.length - 1];
    const x = (amount) => 14 + 120 * (amount - first) / (last - first), y = (value) => 66 - 56 * Math.max(0, value) / most;
    const shape = svg("svg", {viewBox: "0 0 140 92", role: "img", "aria-label": `${words}: ${values.map(percentOrNone).join(", ")}`});
    shape.append(svg("line", {x1: 14, x2: 134, y1: y(0), y2: y(0), stroke: "var(--line)"}), svg("line", {x1: 14, x2: 134, y1: y(1), y2: y(1), stroke: "var(--line)", "stroke-dasharray": "3 3"}), svg("text", {x: 10, y: y(1) + 3, "text-anchor": "end"}, "1"), svg("text", {x: 10, y: y(0) + 3, "text-anchor": "end"}, "0"));
    if (some.length) shape.append(svg("polyline", {points: values.map((value, at) => value === null ? "" : `${x(amounts[at]).toFixed(1)},${y(value).toFixed(1)}`).join(" "), fill: "none", stroke: "var(--bar)", "stroke-width": 2}));
    shape.append(svg("text", {x: 14, y: 78}, number(first)), svg("text", {x: 134, y: 78, "text-anchor": "end"}, number(last)), svg("text", {x: 74, y: 90, "text-anchor": "middle"}, words));
    return h("div", {}, shape);
  };
  const percentOrNone = (value) => value === null ? "none" : percent(value, 0);

  // A class.
  const showClass = async (k, turn) => {
    crumbs(home(), site.labels.length || site.classes ? label(k) : String(k));
    const found = await load(`classes/${k}`);
    if (turn !== shown) return;
    if (!found) {
      const empty = site.complete || (site.classes && !site.classes.includes(k));
      put(title(label(k)), h("p", {class: "waiting"}, empty ? "The data have no image of this class." : "Still to come."));
      return;
    }
    const photos = (rows) => h("div", {class: "photos" + (site.input[1] < 100 ? " small" : "")}, rows.map(([image, other]) => h("figure", {class: "patch"}, h("img", {src: `images/${image}.webp`, alt: `Image ${image}`, loading: "lazy", onclick: () => look(image, null, null, `Image ${image}.`)}), h("figcaption", {}, other === undefined ? "" : ["taken for ", classLink(other)]))));
    const most = (rows) => rows.length ? h("ul", {}, rows.map(([other, count]) => h("li", {}, classLink(other), `, ${count}`))) : h("p", {class: "soft"}, "Nothing.");
    const output = byName(site.output);
    put(title(label(k)), h("p", {}, `${found.count} images, ${percent(found.accuracy)} of them right. `, output && channels(output).includes(k) ? h("a", {href: link(site.output, k)}, "Its output as a unit") : ""),
      h("section", {}, h("h2", {}, "The units that tell it best"), found.units.length ? unitCells(found.units) : h("p", {class: "soft"}, "None.")),
      h("div", {class: "two"}, h("section", {}, h("h2", {}, "It is taken for"), most(found.taken_for)), h("section", {}, h("h2", {}, "Taken for it"), most(found.taken))),
      found.right.length ? h("section", {}, h("h2", {}, "Right, the surest first"), photos(found.right.map((image) => [image]))) : null,
      found.wrong.length ? h("section", {}, h("h2", {}, "Wrong"), photos(found.wrong)) : null);
  };
  const unitCells = (rows) => h("ul", {class: "units"}, rows.map(([at, channel, effect, index]) => {
    const layer = site.layers[at], side = site.thumbnail, sheet = Math.floor(index / 64), spot = index % 64, total = channels(layer).length;
    return h("li", {}, h("a", {href: link(layer.name, channel)}, tile(`layers/${at}-${sheet}.webp`, side, spot % 8 * side, Math.floor(spot / 8) * side, [8 * side, Math.ceil(Math.min(64, total - 64 * sheet) / 8) * side]),
      `${layer.name} ${spoken(layer, channel)}`, h("br"), h("span", {class: effect < 0 ? "downward" : "up"}, signed(effect))));
  }));

  // The same unit in several networks.
  const showCompare = async (layer, channel, turn) => {
    crumbs(home(), [layer.name, link(layer.name)], [String(channel), link(layer.name, channel)], "in other networks");
    const found = await load(`units/${place(layer)}/${channel}`);
    if (turn !== shown) return;
    const all = channels(layer), index = all.indexOf(channel);
    if (!site.others.length || index < 0) return notYet("A comparison");
    const image = h("img", {src: `compare/${place(layer)}/${channel}.webp`, alt: ""});
    const rows = h("div", {class: "strips"});
    const names = [site.name, ...site.others];
    image.addEventListener("load", () => {
      const side = image.naturalHeight / names.length;
      rows.replaceChildren(...names.flatMap((name, row) => [h("div", {}, h("strong", {}, name), h("div", {class: "soft"}, row && found && found.compared ? `r ${number(found.compared[row - 1][0])}, strongest ${number(found.compared[row - 1][1])}` : "")),
        h("span", {class: "tile grainy", style: {aspectRatio: `${image.naturalWidth} / ${side}`, backgroundImage: `url("${image.src}")`, backgroundSize: `100% ${100 * names.length}%`, backgroundPosition: `0 ${100 * row / (names.length - 1)}%`}})]));
    });
    image.addEventListener("error", () => rows.replaceChildren(h("p", {class: "waiting"}, "Still to come.")));
    const step = (by) => all[index + by] === undefined ? h("span") : h("a", {href: link("~compare", layer.name, all[index + by])}, by < 0 ? `← ${all[index + by]}` : `${all[index + by]} →`);
    put(title(`${layer.name} ${channel} in ${names.length} networks`), h("p", {class: "soft"}, "The strongest patches of the same unit in each; r is the rank correlation of its answers with those in the first, over the images."), h("section", {}, rows), h("nav", {class: "turn"}, step(-1), step(1)));
  };

  const go = async () => {
    const turn = ++shown;
    let parts;
    try { parts = location.hash.replace(/^#\/?/, "").split("/").filter((part) => part !== "").map(decodeURIComponent); } catch { parts = []; }
    zoom.close();
    site = site || await load("data/site");
    if (!site) { put(h("p", {class: "waiting"}, "Nothing is here yet.")); return; }
    document.getElementById("results").hidden = true;
    const first = site.layers.find((layer) => channels(layer).length);
    if (first) field.placeholder = `${first.name} ${channels(first)[0]}${site.labels.length ? ", or a class" : ""}`;
    if (!parts.length) showNetwork();
    else if (parts[0] === "~class") await showClass(Number(parts[1]), turn);
    else {
      const compare = parts[0] === "~compare";
      if (compare) parts.shift();
      const layer = byName(parts[0]);
      if (!layer) notYet(`A layer ${parts[0]}`);
      else if (compare) await showCompare(layer, Number(parts[1]), turn);
      else if (parts.length === 1) await showLayer(layer, turn);
      else await showUnit(layer, Number(parts[1]), turn);
    }
    if (turn === shown) { window.scrollTo(0, 0); document.documentElement.dataset.ready = String(turn); }
  };

  // Search, over units and classes.
  const form = document.getElementById("search"), field = form.querySelector("input"), results = document.getElementById("results");
  const search = () => {
    const text = field.value.trim().toLowerCase(), hits = [];
    if (text && site) {
      const unit = text.match(/^(.*\S)[\s\/]+(\d+)$/);
      for (const layer of site.layers) {
        const name = layer.name.toLowerCase();
        if (unit && name.includes(unit[1]) && channels(layer).includes(Number(unit[2]))) hits.push([`${layer.name} ${unit[2]}`, link(layer.name, Number(unit[2]))]);
        if (name.includes(text)) hits.push([layer.name, link(layer.name)]);
        if (Array.isArray(layer.units)) layer.units.forEach((one, index) => { if (one.toLowerCase().includes(text)) hits.push([`${layer.name}: ${one}`, link(layer.name, channels(layer)[index])]); });
      }
      const present = new Set(site.classes || []);
      site.labels.forEach((one, k) => { if (one.replaceAll("_", " ").toLowerCase().includes(text)) hits.push([`${label(k)}${present.has(k) ? "" : " (no images)"}`, present.has(k) || !byName(site.output) ? link("~class", k) : link(site.output, k)]); });
    }
    results.replaceChildren(...hits.slice(0, 30).map(([words, href]) => h("li", {}, h("a", {href}, words))), ...(text && !hits.length ? [h("li", {class: "soft"}, "Nothing is called that.")] : []));
    results.hidden = !text;
  };
  field.addEventListener("input", search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const first = results.querySelector("a");
    if (first) { location.hash = first.getAttribute("href").slice(1); results.hidden = true; field.blur(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, pre") || zoom.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); field.focus(); return; }
    if (event.key === "ArrowUp" && event.shiftKey) { const up = way.querySelector("a:last-of-type"); if (up) up.click(); return; }
    const turn = {ArrowLeft: "prev", ArrowRight: "next"}[event.key], target = turn && page.querySelector(`a[rel=${turn}]`);
    if (target) target.click();
  });
  window.addEventListener("hashchange", go);
  go();
})();
