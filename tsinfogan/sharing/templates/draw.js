// Drawing series on canvases: the path of a pen, channels over time, images.

const CHANNEL_COLOURS = ["#2a6fbb", "#e07a1f", "#3a9d5d", "#c23b5e", "#7b5ea7", "#8c6d46", "#2aa5b5", "#b0a12a"];
const MAX_BANDS = 64;
const LEVELS = 32; // of a pen's force

/** A colour of the style sheet, which has others in the dark. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A canvas that is sharp on this screen, and the space on it in CSS pixels. */
function cleared(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return [context, { x: 0, y: 0, width, height }];
}

/** Whether every value of a series is a number. */
function isFinite_(series) {
  return series.length > 0 && series.values.every(Number.isFinite);
}

/**
 * Draws a series into a box.
 * `look` has: isReal (brown), isLarge (with axes), share (of the pen's path that is drawn).
 */
function drawSeries(context, box, series, facts, look = {}) {
  if (facts.view === "pen") drawPen(context, box, series, facts, look);
  else if (facts.view === "image") drawImage(context, box, series, facts);
  else if (look.isLarge) drawBands(context, box, series, facts);
  else drawLines(context, box, series, facts);
}

/** Mixes two colours #rrggbb. */
function mixed(from, to, share) {
  const parts = [1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((text) => parseInt(text.slice(at, at + 2), 16));
    return Math.round(a + (b - a) * share);
  });
  return `rgb(${parts.join(" ")})`;
}

/** The places of a pen (channels 0 and 1 are its velocity), and the middle and the size of its path. */
function pathOf({ values, length }, timeStep) {
  const points = new Float64Array(2 * length);
  const [low, high] = [[Infinity, Infinity], [-Infinity, -Infinity]];
  for (const axis of [0, 1]) {
    let sum = 0;
    for (let at = 0; at < length; at++) {
      sum += values[axis * length + at] * timeStep;
      points[2 * at + axis] = sum;
      low[axis] = Math.min(low[axis], sum);
      high[axis] = Math.max(high[axis], sum);
    }
  }
  return { points, middle: low.map((end, axis) => (end + high[axis]) / 2), extent: high.map((end, axis) => end - low[axis]) };
}

/** Broader and darker where the force is greater, lightest first: a move through the air covers no written line. */
function drawPen(context, box, series, facts, { isReal, isLarge, share: until = 1 }) {
  const { points, middle, extent } = pathOf(series, facts.timeStep);
  const { size, force } = facts.scale;
  const side = Math.min(box.width, box.height);
  const room = [0.84 * box.width, 0.84 * box.height];
  const scale = Math.min(...room.map((pixels, axis) => pixels / Math.max(size[axis], extent[axis])));
  const [pale, dark] = isReal ? [colour("real-pale"), colour("real")] : [colour("pale"), colour("ink")];
  const between = (numbers, place, first, each) => {
    const [index, part] = [Math.floor(place), place % 1];
    const number = numbers[first + each * index];
    return part ? number + part * (numbers[first + each * (index + 1)] - number) : number;
  };
  const at = (place) => [
    box.x + box.width / 2 + (between(points, place, 0, 2) - middle[0]) * scale,
    box.y + box.height / 2 - (between(points, place, 1, 2) - middle[1]) * scale,
  ];
  const hasForce = facts.channels.length > 2 && force[1] > force[0];
  const shareOf = (place) => {
    const pressed = (between(series.values, place, 2 * series.length, 1) - force[0]) / (force[1] - force[0]);
    return Math.min(1, Math.max(0, pressed));
  };
  const step = isLarge ? 1 / 4 : 1; // so that a wide line has no visible steps
  const levels = Array.from({ length: LEVELS }, () => []);
  for (let place = 0; place < until * (series.length - 1); place += step) {
    levels[hasForce ? Math.round(shareOf(place) * (LEVELS - 1)) : Math.round(0.6 * LEVELS)].push(place);
  }
  context.lineCap = "round";
  levels.forEach((places, level) => {
    const share = level / (LEVELS - 1);
    context.beginPath();
    for (const place of places) {
      context.moveTo(...at(place));
      context.lineTo(...at(Math.min(place + step, series.length - 1)));
    }
    context.strokeStyle = mixed(pale, dark, share);
    context.lineWidth = Math.max(1, side * (0.009 + 0.019 * share));
    context.stroke();
  });
}

/** Least and greatest value of a channel: of samples, or further where this series goes further. */
function rangeOf(series, channel, facts) {
  let [low, high] = [facts.scale.low[channel], facts.scale.high[channel]];
  for (const value of series.values.subarray(channel * series.length, (channel + 1) * series.length)) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high > low ? [low, high] : [low - 1, high + 1];
}

/** A line through the values of a channel. */
function line(context, series, channel, x, y) {
  context.beginPath();
  for (let at = 0; at < series.length; at++) context.lineTo(x(at), y(series.values[channel * series.length + at]));
  context.strokeStyle = CHANNEL_COLOURS[channel % CHANNEL_COLOURS.length];
  context.lineJoin = "round";
  context.stroke();
}

/** All channels over time in a small box, each on a scale of its own. */
function drawLines(context, box, series, facts) {
  const last = Math.max(1, facts.grid[0] - 1);
  context.lineWidth = 1.1;
  facts.channels.forEach((_, channel) => {
    const [low, high] = rangeOf(series, channel, facts);
    const x = (at) => box.x + box.width * (0.06 + (0.88 * at) / last);
    const y = (value) => box.y + box.height * (0.92 - (0.84 * (value - low)) / (high - low));
    line(context, series, channel, x, y);
  });
}

/** About `count` round numbers between two others. */
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const found = [];
  for (let index = Math.ceil(low / step); index * step <= high; index++) found.push(index * step);
  return found;
}

/** One band a channel in raw units over time, under each other, or in two columns if there are many. */
function drawBands(context, box, series, facts) {
  const names = facts.channels.slice(0, MAX_BANDS);
  const nColumns = names.length > 4 && box.width > 640 ? 2 : 1;
  const nRows = Math.ceil(names.length / nColumns);
  const [left, right, bottom] = [56, 14, 40];
  const [width, height] = [box.width / nColumns, (box.height - bottom) / nRows];
  const last = Math.max(1, facts.grid[0] - 1);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (let column = 0; column < nColumns; column++) {
    const x = (at) => box.x + column * width + left + ((width - left - right) * at) / last;
    names.slice(column * nRows, (column + 1) * nRows).forEach((name, row) => {
      const band = { x, top: box.y + row * height + 16, height: height - 22, isThin: nRows > 6 };
      drawBand(context, band, series, column * nRows + row, facts);
    });
    drawTimeAxis(context, x, box.y + box.height - bottom + 8, facts);
  }
}

/** One channel: its name, round numbers at the left, and a line. */
function drawBand(context, { x, top, height, isThin }, series, channel, facts) {
  const [low, high] = rangeOf(series, channel, facts);
  const [start, end] = [x(0), x(Math.max(1, facts.grid[0] - 1))];
  const y = (value) => top + height * (1 - (value - low) / (high - low));
  const offset = facts.offsets[channel];
  context.textAlign = "right";
  for (const tick of ticks(low + offset, high + offset, Math.min(5, Math.max(2, height / 32)))) {
    context.fillStyle = colour("line");
    context.fillRect(start, y(tick - offset), end - start, 1);
    context.fillStyle = colour("quiet");
    context.fillText(readable(tick, offset ? 7 : 3), start - 8, y(tick - offset));
  }
  context.lineWidth = isThin ? 1.4 : 2;
  line(context, series, channel, x, y);
  context.textAlign = "left";
  label(context, facts.channels[channel], start + 2, top - 6, end - start - 20, channel);
}

/** The name of a channel, on a ground on which it can be read, with a dot of its colour. */
function label(context, name, x, y, room, channel) {
  let text = name;
  while (text.length > 4 && context.measureText(text).width > room) text = `${text.slice(0, -2)}…`;
  context.fillStyle = colour("paper");
  context.globalAlpha = 0.8;
  context.fillRect(x - 3, y - 8, context.measureText(text).width + 22, 16);
  context.globalAlpha = 1;
  context.fillStyle = CHANNEL_COLOURS[channel % CHANNEL_COLOURS.length];
  context.fillRect(x, y - 4, 8, 8);
  context.fillStyle = colour("text");
  context.fillText(text, x + 13, y + 0.5);
}

/** Times under the bands: dates as files have them, else multiples of the step. */
function drawTimeAxis(context, x, y, facts) {
  const last = facts.grid[0] - 1;
  context.fillStyle = colour("quiet");
  const width = x(Math.max(1, last)) - x(0);
  const found = facts.hasDates
    ? [0, Math.floor(last / 2), last].map((at) => [at, facts.times[at]])
    : ticks(0, last * facts.timeStep || 1, width / 90).map((time) => [time / facts.timeStep, readable(time, 6)]);
  found.forEach(([at, text], index) => {
    context.textAlign = !facts.hasDates ? "center" : ["left", "center", "right"][index];
    context.fillRect(x(at), y - 6, 1, 5);
    context.fillText(text, x(at), y + 8);
  });
  context.textAlign = "right";
  if (!facts.hasDates) context.fillText(`time${facts.timeUnit ? `, ${facts.timeUnit}` : ""}`, x(Math.max(1, last)), y + 24);
}

/** Pixels in grey, or in colour if there are three channels. */
function drawImage(context, box, series, facts) {
  const [height, width] = facts.grid;
  const [low, high] = [Math.min(...facts.scale.low), Math.max(...facts.scale.high)];
  const count = facts.channels.length;
  const image = new ImageData(width, height);
  const byte = (channel, point) => (255 * (series.values[channel * series.length + point] - low)) / (high - low || 1);
  for (let point = 0; point < width * height; point++) {
    let mean = 0;
    for (let channel = 0; channel < count; channel++) mean += byte(channel, point) / count;
    for (let part = 0; part < 3; part++) image.data[4 * point + part] = count === 3 ? byte(part, point) : mean;
    image.data[4 * point + 3] = 255;
  }
  const small = Object.assign(document.createElement("canvas"), { width, height });
  small.getContext("2d").putImageData(image, 0, 0);
  const scale = Math.min(box.width / width, box.height / height) * 0.94;
  context.imageSmoothingEnabled = false;
  const [across, down] = [width * scale, height * scale];
  context.drawImage(small, box.x + (box.width - across) / 2, box.y + (box.height - down) / 2, across, down);
}
