// Where series come from: computed on this page, or by the server that it came from.
//
// Both give:
//   series(rows, codes)   the series of some rows of noise, [{values: channel by channel, length}, …]
//   atOnce                how many rows of the strip are asked for at a time
//   real()                {codes, titles, note} of the real series that the nearest one is looked for among
//   realSeries(index)     one of them
//   rename(category, name)  saves a name and gives all names, where that is possible

/** Bytes of a text in base64. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Series in an answer: of each its length, then its values. */
function unpacked(buffer, nChannels) {
  const numbers = new Float32Array(buffer);
  const found = [];
  for (let at = 0; at < numbers.length; ) {
    const length = numbers[at];
    found.push({ length, values: numbers.slice(at + 1, at + 1 + nChannels * length) });
    at += 1 + nChannels * length;
  }
  return found;
}

/** The content of a part of the page that holds data. */
function given(name) {
  const part = document.getElementById(`data-${name}`);
  return part && (part.type === "application/json" ? JSON.parse(part.textContent) : part.textContent.trim());
}

/** Asks the server; what it refuses, and that it is gone, are sentences. */
function servedSource(facts) {
  const token = new URLSearchParams(location.search).get("token");
  const ask = async (path, body, more = "") => {
    const options = body && { method: "POST", body: JSON.stringify(body) };
    let answer;
    try {
      answer = await fetch(`${path}?token=${encodeURIComponent(token)}${more}`, options);
    } catch {
      throw new Error("The server does not answer: run tsinfogan explore again, and open the address that it prints.");
    }
    if (!answer.ok) throw new Error((await answer.json()).error);
    return answer;
  };
  const series = async (...request) => unpacked(await (await ask(...request)).arrayBuffer(), facts.channels.length);
  return {
    atOnce: 4,
    series: (rows, codes) => series("/series", { rows, codes }),
    real: async () => (await ask("/real")).json(),
    realSeries: async (index) => (await series("/real/case", null, `&index=${index}`))[0],
    rename: async (category, name) => (await (await ask("/name", { category, name })).json()).names,
  };
}

/** Computes on this page, with the weights that it holds. */
async function localSource(facts) {
  const runtime = await TsInfoGANRuntime.load(given("program"), given("weights"), given("product"));
  const noise = new Float32Array(bytesOf(given("noise")).buffer);
  const width = noise.length / facts.nRows;
  const [real, nChannels] = [given("real"), facts.channels.length];
  const realSeries = real && unpacked(bytesOf(real.series).buffer, nChannels);
  const one = (row, codes) => {
    const ofRow = noise.subarray(row * width, (row + 1) * width);
    const { values, length } = runtime.run(ofRow.subarray(0, facts.noiseDim), ofRow.subarray(facts.noiseDim), codes);
    const [whole, all] = [new Float32Array(nChannels * length), values.length / nChannels];
    for (let c = 0; c < nChannels; c++) whole.set(values.subarray(c * all, c * all + length), c * length);
    return { values: whole, length };
  };
  return {
    atOnce: 1,
    isSlow: !runtime.usesWasm,
    series: async (rows, codes) => rows.map((row) => one(row, codes)),
    real: async () => real,
    realSeries: async (index) => realSeries[index],
  };
}
