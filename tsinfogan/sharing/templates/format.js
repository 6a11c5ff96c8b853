// Numbers and series as text: cells of CSV files, command lines, sentences.

/** The fewest digits that read back as the same float32. */
function shortest(number) {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(number.toPrecision(digits));
    if (Math.fround(text) === number) return text;
  }
  return Number(number.toPrecision(9));
}

/** A value of a channel in raw units: far from 0, series are kept less an offset, which float32 would lose digits by. */
function rawValue(facts, channel, value) {
  const offset = facts.offsets[channel];
  if (!offset) return shortest(value);
  const decimals = Math.max(0, 14 - Math.ceil(Math.log10(Math.abs(offset))));
  return Number((shortest(value) + offset).toFixed(decimals));
}

/** A number for people: few digits, and a minus sign that is one. */
function readable(number, digits = 3) {
  return String(Number(number.toPrecision(digits))).replace("-", "−");
}

/** A cell of a CSV file, in quotes where it needs some. */
function cell(text) {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : String(text);
}

/** The name of the category that the first categorical code is set to, or null. */
function chosenName(facts, codes) {
  const first = facts.codes.findIndex((code) => code.isCategory);
  return first < 0 ? null : facts.codes[first].names[codes[first]];
}

/** Series of the same codes as `tsinfogan sample` writes them; a case is called after its row. */
function csvOf(facts, codes, rows, series) {
  const isImage = facts.grid.length === 2;
  const name = chosenName(facts, codes);
  const index = isImage ? ["case", "row", "column"] : ["case", "time"];
  const header = [...index, ...facts.channels, ...facts.codes.map((code) => code.column), ...(name ? ["label"] : [])];
  const tail = [...codes.map((value) => String(shortest(Math.fround(value)))), ...(name ? [cell(name)] : [])].join(",");
  const lines = [header.map(cell).join(",")];
  series.forEach(({ values, length }, case_) => {
    for (let point = 0; point < length; point++) {
      const at = isImage ? [Math.floor(point / facts.grid[1]), point % facts.grid[1]] : [facts.times[point]];
      const numbers = facts.channels.map((_, channel) => {
        const value = values[channel * length + point];
        if (facts.kinds[channel] === "boolean" && (value === 0 || value === 1)) return String(value === 1);
        return String(rawValue(facts, channel, value));
      });
      lines.push([rows[case_], ...at, ...numbers, tail].filter((part) => part !== "").join(","));
    }
  });
  return lines.join("\n") + "\n";
}

/** The values of the categorical or of the continuous codes. */
function valuesOf(facts, codes, isCategory) {
  return codes.filter((_, index) => facts.codes[index].isCategory === isCategory);
}

/** The command line that writes the series shown and all before them. */
function commandOf(facts, codes, count) {
  const [categories, continuous] = [true, false].map((kind) => valuesOf(facts, codes, kind).join(","));
  const chosen = (categories && ` --cat ${categories}`) + (continuous && ` --cont ${continuous}`);
  return `${facts.command}${chosen} --seed ${facts.seed} -n ${count} -o series.csv`;
}

/** The same in Python. */
function pythonOf(facts, codes, count, row) {
  const asked = [["cat", true], ["cont", false]]
    .map(([name, kind]) => [name, valuesOf(facts, codes, kind)])
    .filter(([, values]) => values.length)
    .map(([name, values]) => `${name}=[${values.join(", ")}], `);
  return (
    `${facts.opening}\n` +
    `synthetic = sample(model, ${count}, ${asked.join("")}seed=${facts.seed})\n` +
    `series = synthetic.panel.case(${row})  # (channels, timepoints)`
  );
}

/** A category by its name, else by its number. */
function categoryTitle(code, category) {
  return code.names[category] ?? String(category);
}

/** A text as a sentence. */
function sentence(text) {
  return text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** A value of a continuous code for people. */
function decimal(value) {
  const text = value.toFixed(2);
  return text === "-0.00" ? "0.00" : text.replace("-", "−");
}

/** The codes in words. */
function codesInWords(facts, codes) {
  const words = facts.codes.map(({ column, isCategory, names }, index) => {
    if (!isCategory) return `${column} ${decimal(codes[index])}`;
    const name = names[codes[index]];
    return name === null ? `${column} ${codes[index]}` : `${name} (${column} ${codes[index]})`;
  });
  return words.join(", ");
}

/** How long a series is, in words; nothing for images. */
function lengthInWords(facts, length) {
  if (facts.grid.length === 2) return "";
  const unit = facts.timeUnit && !facts.hasDates ? `, ${readable((length - 1) * facts.timeStep)} ${facts.timeUnit}` : "";
  return `${length} timepoints${unit}`;
}
