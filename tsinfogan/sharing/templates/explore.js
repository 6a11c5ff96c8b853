// The page: what is set, and what follows from it.

const facts = given("facts");
const part = (id) => document.getElementById(id);
const codes = facts.codes.map(() => 0);
const shown = { row: 0, codes: [], series: null, strip: [], real: null, count: 0, settled: -1 };
window.tsinfogan = { facts, shown }; // for whoever wants the numbers
let source, row = 0, wanted = 1, wake = () => {}, realCases = null;

/** Rows of noise of the strip: those after the large one, from the first on again after the last. */
function stripRows(from) {
  return Array.from({ length: facts.nStrip }, (_, index) => (from + 1 + index) % facts.nRows);
}

/** Something else is to be shown. */
function change() {
  wanted += 1;
  wake();
}

/** Waits so many milliseconds, or until something else is to be shown. */
function idle(milliseconds) {
  return new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, milliseconds);
  });
}

/** Shows what is wanted, over and over: the large series at once, the rest when nothing moves any more. */
async function follow() {
  for (let done = 0; ; ) {
    if (done === wanted) await idle(60000);
    if (done === wanted) continue;
    done = wanted;
    try {
      await showLarge();
      await idle(90);
      if (done !== wanted) continue;
      await showStrip(() => done === wanted);
      if (done === wanted) await showNearest();
      if (done === wanted) tell();
    } catch (error) {
      complain(error.message);
    }
  }
}

/** The large series. */
async function showLarge() {
  const [at, values] = [row, [...codes]];
  const [series] = await source.series([at], values);
  if (!isFinite_(series)) throw new Error("The model gives numbers that are not finite here: it is damaged, or the codes are out of all bounds.");
  complain("");
  Object.assign(shown, { row: at, codes: values, series, count: shown.count + 1 });
  drawLarge();
  part("large").setAttribute("aria-label", `Generated: ${codesInWords(facts, values)}; ${lengthInWords(facts, series.length)}`);
  part("caption").textContent = [`noise ${at}`, lengthInWords(facts, series.length)].filter(Boolean).join(" · ");
  part("command").textContent = commandOf(facts, values, at + 1);
  part("python").textContent = pythonOf(facts, values, at + 1, at);
}

function drawLarge(share = 1) {
  if (shown.series) drawSeries(...cleared(part("large")), shown.series, facts, { isLarge: true, share });
}

/** The strip, a few rows at a time, as long as nothing else is wanted. */
async function showStrip(isWanted) {
  const rows = stripRows(shown.row);
  const strip = [];
  for (let first = 0; first < rows.length && isWanted(); first += source.atOnce) {
    strip.push(...(await source.series(rows.slice(first, first + source.atOnce), shown.codes)));
    await new Promise((resolve) => setTimeout(resolve)); // a slider may have moved
  }
  if (!isWanted()) return;
  shown.strip = strip;
  drawStrip();
}

function drawStrip() {
  const rows = stripRows(shown.row);
  [...part("strip").children].forEach((button, index) => {
    if (!shown.strip[index]) return;
    button.value = rows[index];
    button.setAttribute("aria-label", `Show noise ${rows[index]}`);
    drawSeries(...cleared(button.firstElementChild), shown.strip[index], facts);
  });
}

/** How far the codes of a real series are: first by category, then by the continuous codes. */
function distance(read) {
  return Math.hypot(...read.map((value, index) => (facts.codes[index].isCategory ? 1e3 * (value !== shown.codes[index]) : value - shown.codes[index])));
}

/** The real series whose codes, as Q reads them, are nearest. */
async function showNearest() {
  realCases ??= await source.real();
  part("nearest").hidden = !realCases;
  if (!realCases?.codes.length) {
    part("real").hidden = true;
    part("nearest-text").textContent = sentence(realCases?.note ?? "");
    return;
  }
  const distances = realCases.codes.map(distance);
  const nearest = distances.indexOf(Math.min(...distances));
  const isOfCategory = distances[nearest] < 1e3;
  const read = codesInWords(facts, realCases.codes[nearest]);
  shown.real = isOfCategory ? { index: nearest, series: await source.realSeries(nearest) } : null;
  part("real").hidden = !isOfCategory;
  part("nearest-text").textContent = isOfCategory
    ? sentence(`${realCases.titles[nearest]}: Q reads ${read}. Nearest of ${realCases.note}`)
    : `Among ${realCases.note}, Q puts none into this category.`;
  part("real").setAttribute("aria-label", `Real: ${read}`);
  drawReal();
}

function drawReal() {
  const [context, box] = cleared(part("real"));
  if (shown.real) drawSeries(context, box, shown.real.series, facts, { isReal: true });
}

/** Says what is seen to those who do not see it. */
function tell() {
  shown.settled = shown.count;
  part("told").textContent = `${codesInWords(facts, shown.codes)}, noise ${shown.row}, ${lengthInWords(facts, shown.series.length)}`;
}

function complain(sentence) {
  part("problem").textContent = sentence;
  part("problem").hidden = !sentence;
}

function redraw() {
  drawLarge();
  drawStrip();
  drawReal();
}

// ---- what is set by hand

function listenToCodes() {
  for (const group of document.querySelectorAll("[data-code]")) {
    const index = Number(group.dataset.code);
    const input = group.querySelector("input[type=range], input:checked");
    codes[index] = Number(input.value);
    if (input.type === "range") sayValue(group, index);
    group.addEventListener("input", ({ target }) => {
      if (target.type === "search") filter(group, target.value);
      if (target.type !== "range" && target.type !== "radio") return;
      codes[index] = Number(target.value);
      if (target.type === "range") sayValue(group, index);
      else endRenaming();
      change();
    });
  }
}

/** The value of a slider, in figures and for screen readers. */
function sayValue(group, index) {
  const support = facts.codes[index].support;
  const isOutside = support && (codes[index] < support[0] || codes[index] > support[1]);
  group.querySelector("output").textContent = decimal(codes[index]) + (isOutside ? ", beyond training" : "");
  group.querySelector("input").setAttribute("aria-valuetext", `${codes[index]}${isOutside ? ", beyond the trained range" : ""}`);
}

/** Shows the categories whose names hold a text. */
function filter(group, text) {
  for (const choice of group.querySelectorAll(".choice")) {
    choice.hidden = !choice.querySelector(".name").textContent.toLowerCase().includes(text.trim().toLowerCase());
  }
}

function newNoise() {
  row = (row + 1) % facts.nRows;
  change();
}

/** Writes the path of the pen again, in its own time. */
function write() {
  const [began, series] = [performance.now(), shown.series];
  const duration = Math.max(600, 1000 * series.length * facts.timeStep);
  const frame = (now) => {
    if (series !== shown.series) return;
    const share = Math.min(1, Math.max(0, (now - began) / duration));
    drawLarge(share);
    if (share < 1) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

// ---- names of categories

const named = facts.codes.findIndex((code) => code.isCategory);

function beginRenaming() {
  part("renaming").hidden = false;
  part("rename").setAttribute("aria-expanded", "true");
  part("name").value = facts.codes[named].names[codes[named]] ?? "";
  part("name-of").textContent = `Name of category ${codes[named]}`;
  part("name").select();
}

function endRenaming() {
  if (!part("renaming") || part("renaming").hidden) return;
  part("renaming").hidden = true;
  part("rename").setAttribute("aria-expanded", "false");
}

async function saveName(event) {
  event.preventDefault();
  try {
    const names = await source.rename(codes[named], part("name").value.trim());
    facts.codes[named].names = facts.codes[named].names.map((_, category) => names[category] ?? null);
    for (const choice of document.querySelectorAll(`[data-code="${named}"] .choice`)) {
      choice.querySelector(".name").textContent = categoryTitle(facts.codes[named], choice.querySelector("input").value);
    }
    complain("");
    endRenaming();
    part("rename").focus();
    change();
  } catch (error) {
    complain(error.message);
  }
}

// ---- to take away

/** Has the browser save a file. */
function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function saveCsv() {
  const rows = [shown.row, ...(shown.strip.length ? stripRows(shown.row) : [])];
  save(new Blob([csvOf(facts, shown.codes, rows, [shown.series, ...shown.strip])], { type: "text/csv" }), "series.csv");
}

/** The large series and the strip as one picture. */
function savePng() {
  const side = 150;
  const large = { x: 0, y: 0, width: 8 * side, height: 5 * side };
  const canvas = Object.assign(document.createElement("canvas"), { width: large.width, height: large.height + 2 * side });
  const context = canvas.getContext("2d");
  context.fillStyle = colour("paper");
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawSeries(context, large, shown.series, facts, { isLarge: true });
  shown.strip.forEach((series, index) => {
    const box = { x: (index % 8) * side, y: large.height + Math.floor(index / 8) * side, width: side, height: side };
    drawSeries(context, box, series, facts);
  });
  const [, png] = canvas.toDataURL("image/png").split(","); // toBlob waits for an idle moment, for seconds if there is none
  save(new Blob([bytesOf(png)], { type: "image/png" }), "series.png");
}

/** Copies a text, and says so on the button for a moment. */
async function copy(button) {
  const text = part(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(text.textContent);
    part("told").textContent = button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(text); // a page from a file may not copy: Ctrl-C does
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

// ---- the beginning

function listen() {
  part("noise").addEventListener("click", newNoise);
  part("write")?.addEventListener("click", write);
  part("strip").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    row = Number(button.value);
    change();
  });
  part("rename")?.addEventListener("click", () => (part("renaming").hidden ? beginRenaming() : endRenaming()));
  part("renaming")?.addEventListener("submit", saveName);
  part("renaming")?.addEventListener("keydown", (event) => event.key === "Escape" && (endRenaming(), part("rename").focus()));
  part("csv").addEventListener("click", saveCsv);
  part("png").addEventListener("click", savePng);
  document.querySelectorAll("[data-copies]").forEach((button) => button.addEventListener("click", () => copy(button)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new ResizeObserver(redraw).observe(part("large"));
}

listenToCodes();
listen();
try {
  source = facts.isServed ? servedSource(facts) : await localSource(facts);
  part("slow").hidden = !source.isSlow;
  follow();
} catch (error) {
  complain(`This page cannot compute: ${error.message}`);
}
