// Runs a program that tsinfogan.sharing.browser wrote: loops over numbers and matrix products, on one memory.
//
//   const runtime = await TsInfoGANRuntime.load(program, weightsBase64, wasmBase64);
//   const { values, length } = runtime.run(noise, injectedNoise, codes);
//
// WebAssembly with SIMD does most of the work (product.wat), or this script where that cannot be had: usesWasm tells.
"use strict";

var TsInfoGANRuntime = (() => {
  const TILE = 8; // rows of a matrix that are multiplied at once
  const GROUP = 4; // columns

  /** Rounds to the nearest whole number, halves to an even one. */
  function round(x) {
    const whole = Math.round(x);
    return whole - x === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
  }

  const ofOne = {
    abs: Math.abs,
    ceil: Math.ceil,
    copy: (x) => x,
    cos: Math.cos,
    exp: Math.exp,
    expm1: Math.expm1,
    floor: Math.floor,
    log: Math.log,
    log1p: Math.log1p,
    neg: (x) => -x,
    round,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    sign: Math.sign,
    silu: (x) => x / (1 + Math.exp(-x)),
    sin: Math.sin,
    sqrt: Math.sqrt,
    tanh: Math.tanh,
    trunc: Math.trunc,
  };
  const ofTwo = {
    add: (x, y) => x + y,
    div: (x, y) => x / y,
    eq: (x, y) => Number(x === y),
    ge: (x, y) => Number(x >= y),
    gt: (x, y) => Number(x > y),
    le: (x, y) => Number(x <= y),
    leaky: (x, y) => (x >= 0 ? x : x * y),
    lt: (x, y) => Number(x < y),
    max: Math.max,
    min: Math.min,
    mul: (x, y) => x * y,
    ne: (x, y) => Number(x !== y),
    pow: (x, y) => x ** y,
    sub: (x, y) => x - y,
  };

  // A line of a loop: n elements of the arrays w (written), a, b, c from the offsets i, j, k, l on, by strides di, dj, ….
  const lines = {
    /** Adds a sum of products to one number. */
    dot(n, w, i, di, a, j, dj, b, k, dk) {
      let sum = w[i];
      for (; n > 0; n--, j += dj, k += dk) sum += a[j] * b[k];
      w[i] = sum;
    },
    /** Entries of a table b, which a counts. */
    take(n, w, i, di, a, j, dj, b, k, dk, c, l, dl, stride) {
      for (; n > 0; n--, i += di, j += dj, k += dk) w[i] = b[k + stride * a[j]];
    },
    where(n, w, i, di, a, j, dj, b, k, dk, c, l, dl) {
      for (; n > 0; n--, i += di, j += dj, k += dk, l += dl) w[i] = a[j] ? b[k] : c[l];
    },
  };
  for (const [op, f] of Object.entries(ofOne)) {
    lines[op] = (n, w, i, di, a, j, dj) => {
      for (; n > 0; n--, i += di, j += dj) w[i] = f(a[j]);
    };
  }
  for (const [op, f] of Object.entries(ofTwo)) {
    lines[op] = (n, w, i, di, a, j, dj, b, k, dk) => {
      for (; n > 0; n--, i += di, j += dj, k += dk) w[i] = f(a[j], b[k]);
    };
  }

  /** Offsets of all points of a grid, the last axis fastest. */
  function offsetsOf(sizes, first, strides) {
    let offsets = [first];
    sizes.forEach((size, axis) => {
      offsets = offsets.flatMap((offset) => Array.from({ length: size }, (_, index) => offset + index * strides[axis]));
    });
    return offsets;
  }

  /** The lines of a loop along its last axis: their length, and of each operand their offsets and its stride. */
  function linesOf(sizes, operands) {
    const outer = sizes.slice(0, -1);
    return {
      n: sizes.length ? sizes[outer.length] : 1,
      offsets: operands.map(([, first, ...strides]) => offsetsOf(outer, first, strides)),
      strides: operands.map(([, , ...strides]) => strides[outer.length] || 0),
    };
  }

  /** A loop as a function. */
  function loop([op, sizes, operands, stride], arrays) {
    const line = lines[op];
    const { n, offsets, strides } = linesOf(sizes, operands);
    const [w, a, b, c] = operands.map(([isWide]) => arrays[isWide]);
    const [is, js, ks, ls] = [0, 1, 2, 3].map((index) => Int32Array.from(offsets[index] || offsets[0]));
    const [di, dj, dk, dl] = strides;
    return () => {
      for (let r = 0; r < is.length; r++) line(n, w, is[r], di, a, js[r], dj, b, ks[r], dk, c, ls[r], dl, stride);
    };
  }

  /** Arguments of `lines` in product.wat for a loop; null where it cannot compute that. */
  function linesInTables([op, sizes, operands], tables) {
    const code = ["copy", "add", "sub", "mul", "silu"].indexOf(op);
    const { n, offsets, strides } = linesOf(sizes, operands);
    const fits = code >= 0 && n >= 4 && strides[0] === 1 && strides.every((stride) => stride === 0 || stride === 1);
    if (!fits || operands.some(([isWide]) => isWide)) return null;
    const [to, x, y = x] = offsets;
    const begin = tables.add(to.flatMap((offset, row) => [4 * offset, 4 * x[row], 4 * y[row]]));
    return [code, begin, begin + 12 * to.length, 4 * n - 16, strides[1], strides[2] || 0];
  }

  /** Arguments of `product` in product.wat. */
  function productInTables([, sizes, operands, matrix, bias, rows, depth, strides, rowStride], tables) {
    const entries = offsetsOf(depth, 0, strides).map((offset) => 4 * offset);
    const offsets = operands.map(([, first, ...along]) => offsetsOf(sizes, first, along));
    const columns = [];
    for (let first = 0; first < offsets[0].length; first += GROUP) {
      for (const each of offsets) {
        // Where columns are missing, the last one is computed again.
        for (let c = first; c < first + GROUP; c++) columns.push(4 * each[Math.min(c, each.length - 1)]);
      }
    }
    const begin = tables.add(columns);
    const end = begin + 4 * columns.length;
    return [4 * matrix, 4 * bias, rows / TILE, entries.length, tables.add(entries), begin, end, 4 * rowStride];
  }

  /** Tables of integers behind the memory of the program. */
  class Tables {
    constructor(begin) {
      this.end = begin;
      this.known = new Map();
    }

    /** Where a table is, in bytes. */
    add(integers) {
      const key = String(integers);
      if (!this.known.has(key)) {
        this.known.set(key, [this.end, integers]);
        this.end += 4 * integers.length;
      }
      return this.known.get(key)[0];
    }

    write(memory) {
      for (const [begin, integers] of this.known.values()) memory.set(integers, begin >> 2);
    }
  }

  /** As `product` in product.wat. */
  function productOf(singles, integers) {
    return (matrix, bias, nTiles, depth, entries, columns, end, rowStride) => {
      const row = rowStride >> 2;
      for (let tile = 0; tile < nTiles; tile++) {
        for (let group = columns >> 2; group < end >> 2; group += 2 * GROUP) {
          for (let column = group; column < group + GROUP; column++) {
            const from = integers[column] >> 2;
            let [s0, s1, s2, s3, s4, s5, s6, s7] = singles.subarray((bias >> 2) + tile * TILE);
            let m = (matrix >> 2) + tile * depth * TILE;
            for (let entry = entries >> 2; entry < (entries >> 2) + depth; entry++, m += TILE) {
              const x = singles[from + (integers[entry] >> 2)];
              s0 += singles[m] * x;
              s1 += singles[m + 1] * x;
              s2 += singles[m + 2] * x;
              s3 += singles[m + 3] * x;
              s4 += singles[m + 4] * x;
              s5 += singles[m + 5] * x;
              s6 += singles[m + 6] * x;
              s7 += singles[m + 7] * x;
            }
            let to = (integers[column + GROUP] >> 2) + tile * TILE * row;
            for (const sum of [s0, s1, s2, s3, s4, s5, s6, s7]) {
              singles[to] = sum;
              to += row;
            }
          }
        }
      }
    };
  }

  /** Puts the rows of a matrix into tiles. */
  function pack(singles, [to, rows, depth, [, first, rowStride, ...strides]]) {
    const offsets = offsetsOf(depth, first, strides);
    for (let row = 0; row < rows; row++) {
      const begin = to + (row - (row % TILE)) * offsets.length + (row % TILE);
      for (let d = 0; d < offsets.length; d++) singles[begin + d * TILE] = singles[offsets[d] + row * rowStride];
    }
  }

  function bytesOf(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /** A memory of so many bytes, and the functions of product.wat on it, or null. */
  async function memoryOf(size, wasmBase64) {
    try {
      const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536) });
      const { instance } = await WebAssembly.instantiate(bytesOf(wasmBase64), { env: { memory } });
      return [memory.buffer, instance.exports];
    } catch {
      return [new ArrayBuffer(8 * Math.ceil(size / 8)), null];
    }
  }

  async function load(program, weightsBase64, wasmBase64) {
    const tables = new Tables(program.memory);
    const inTables = program.instructions.map((instruction) =>
      (instruction[0] === "product" ? productInTables : linesInTables)(instruction, tables),
    );
    const [buffer, wasm] = await memoryOf(tables.end, wasmBase64);
    const [singles, integers] = [new Float32Array(buffer), new Int32Array(buffer)];
    const arrays = [singles, new Float64Array(buffer)];
    new Uint8Array(buffer).set(bytesOf(weightsBase64));
    tables.write(integers);
    for (const matrix of program.packed) pack(singles, matrix);

    const product = wasm ? wasm.product : productOf(singles, integers);
    const steps = program.instructions.map((instruction, index) => {
      const [a, b, c, d, e, f, g, h] = inTables[index] || [];
      if (instruction[0] === "product") return () => product(a, b, c, d, e, f, g, h);
      return wasm && inTables[index] ? () => wasm.lines(a, b, c, d, e, f) : loop(instruction, arrays);
    });

    /** One series, from Float32Arrays of noise and a number a code. */
    function run(noise, injectedNoise, codes) {
      [noise, injectedNoise, ...codes.map((code) => [code])].forEach((numbers, index) => {
        const [isWide, offset] = program.inputs[index];
        arrays[isWide].set(numbers, offset);
      });
      for (const step of steps) step();
      const [[, first, count], [isWide, offset]] = [program.values, program.length];
      return { values: singles.slice(first, first + count), length: arrays[isWide][offset] };
    }
    return { run, usesWasm: wasm !== null };
  }

  return { load };
})();
