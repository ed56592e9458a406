/* Monarch matrices over a prime field, in the conventions of monarch_theory: the same indices, the same prime, the same
   root of unity, so the same numbers. Every intermediate stays below 2^53, where JavaScript's numbers are exact. */
"use strict";

const arithmetic = (() => {
  const range = (n) => Array.from({ length: n }, (_, index) => index);
  const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

  function isPrime(q) {
    for (let d = 2; d * d <= q; d++) if (q % d === 0) return false;
    return q > 1;
  }

  /* The largest prime q < below with n | q − 1: monarch_theory.domains.prime_with_root. */
  function primeWithRoot(n, below) {
    for (let q = Math.floor((below - 2) / n) * n + 1; q > 1; q -= n) if (gcd(q, n) === 1 && isPrime(q)) return q;
    throw new Error(`n: expected an order dividing q − 1 for some prime q < ${below}, got ${n}`);
  }

  function power(base, exponent, q) {
    let result = 1;
    for (let square = base % q, left = exponent; left > 0; left = Math.floor(left / 2)) {
      if (left % 2 === 1) result = (result * square) % q;
      square = (square * square) % q;
    }
    return result;
  }

  /* F_q with its least primitive root and the logarithm to that base. */
  function field(q) {
    const factors = range(q).filter((d) => isPrime(d) && (q - 1) % d === 0);
    const generator = q === 2 ? 1 : range(q).find((g) => g > 1 && factors.every((d) => power(g, (q - 1) / d, q) !== 1));
    const logarithm = new Int32Array(q).fill(-1);
    for (let exponent = 0, value = 1; exponent < q - 1; exponent++, value = (value * generator) % q) {
      logarithm[value] = exponent;
    }
    return { q, logarithm, inverse: (a) => power(a, q - 2, q), root: (n) => power(generator, (q - 1) / n, q) };
  }

  /* Largest degree of f_k that keeps a causal operator, by k and the number v with digits a_k … a_{p−1}. */
  function degreeCaps(b, p, n) {
    return range(p).map((k) => {
      const tail = b ** (p - k - 1);
      const last = (n - 1) % (b * tail);
      const lastTail = (n - 1) % tail;
      return range(b * tail).map((v) => (v > last ? b - 1 : Math.floor(last / tail) - (v % tail > lastTail ? 1 : 0)));
    });
  }

  /* One bound for every stage and leading digit a_k: the least cap over the digits after it. */
  function digitCaps(b, p, n) {
    return degreeCaps(b, p, n).map((caps, k) => {
      const tail = b ** (p - k - 1);
      return range(b).map((digit) => Math.min(...caps.slice(digit * tail, (digit + 1) * tail)));
    });
  }

  /* A coefficient that looks random, from 1 to q − 1, always the same for the same place and seed. */
  function scrambled(seed, k, v, exponent, q) {
    let h = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(k + 1, 0x85ebca6b) ^ Math.imul(v + 1, 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 15) ^ Math.imul(exponent + 1, 0x27d4eb2f), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    return 1 + (((h ^ (h >>> 15)) >>> 0) % (q - 1));
  }

  /* Coefficients of every f_k, coefficients[k][v][exponent], the exponents a_k … bound. */
  function polynomials({ b, p, q, terms, seed, bounds }) {
    return range(p).map((k) =>
      range(b ** (p - k)).map((v) => {
        const digit = Math.floor(v / b ** (p - k - 1));
        const bound = Math.max(bounds[k][digit], digit);
        return range(b ** (k + 1)).map((exponent) => {
          if (exponent === digit) return 1;
          if (exponent < digit || exponent > bound) return 0;
          if (terms === "ends") return exponent === bound ? 1 : 0;
          return scrambled(seed, k, v, exponent, q);
        });
      }),
    );
  }

  /* values[k][v][m]: f_k at the m-th power of the root of unity of order b^(k+1). */
  function evaluate(coefficients, F) {
    return coefficients.map((stage) => {
      const points = stage[0].length;
      const roots = range(points).map((m) => power(F.root(points), m, F.q));
      return stage.map((polynomial) =>
        roots.map((_, m) => polynomial.reduce((sum, c, e) => (sum + c * roots[(m * e) % points]) % F.q, 0)),
      );
    });
  }

  /* factors[k][block][row][column], blocks in C order of (i_0 … i_{k−1}, a_{k+1} … a_{p−1}). */
  function factors(values, b, p) {
    return values.map((stage, k) => {
      const [before, after] = [b ** k, b ** (p - k - 1)];
      return range(before * after).map((block) => {
        const known = reversed(Math.floor(block / after), b, k);
        return range(b).map((row) =>
          range(b).map((column) => stage[column * after + (block % after)][known + row * before]),
        );
      });
    });
  }

  /* `index` with its `count` digits in the opposite order. */
  function reversed(index, b, count) {
    let result = 0;
    for (let place = 0; place < count; place++, index = Math.floor(index / b)) result = result * b + (index % b);
    return result;
  }

  /* M[i][j] = ∏_k f_k at the point of i, for the digits of j: the entry formula. */
  function dense(values, b, p, q) {
    const N = b ** p;
    return range(N).map((i) =>
      range(N).map((j) => values.reduce((x, stage, k) => (x * stage[j % b ** (p - k)][i % b ** (k + 1)]) % q, 1)),
    );
  }

  /* The inverse by elimination, or null when the matrix is singular. */
  function inverse(matrix, F) {
    const { q } = F;
    const N = matrix.length;
    const rows = matrix.map((row, i) => [...row, ...range(N).map((j) => (i === j ? 1 : 0))]);
    for (let column = 0; column < N; column++) {
      const pivot = range(N).find((i) => i >= column && rows[i][column] !== 0);
      if (pivot === undefined) return null;
      [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
      const scale = F.inverse(rows[column][column]);
      rows[column] = rows[column].map((x) => (x * scale) % q);
      for (let i = 0; i < N; i++) {
        const multiple = rows[i][column];
        if (i === column || multiple === 0) continue;
        for (let j = column; j < 2 * N; j++) rows[i][j] = (rows[i][j] + (q - multiple) * rows[column][j]) % q;
      }
    }
    return rows.map((row) => row.slice(N));
  }

  /* T[i][j][j'] for i, j, j' < n: what input j sends to output i through filter coefficient j'. */
  function tensor(matrix, interpolation, n, q) {
    const T = range(n).map(() => range(n).map(() => new Array(n).fill(0)));
    for (let j = 0; j < n; j++) {
      for (let f = 0; f <= j; f++) {
        const product = matrix.map((row) => (row[j] * row[f]) % q);
        for (let i = 0; i < n; i++) {
          const value = interpolation[i].reduce((sum, x, at) => sum + x * product[at], 0) % q;
          T[i][j][f] = T[i][f][j] = value;
        }
      }
    }
    return T;
  }

  /* The first leaking pair and the least filter coefficient that shows it, as monarch_theory.causality.decide. */
  function witness(T) {
    for (let i = 0; i < T.length; i++) {
      for (let j = i + 1; j < T.length; j++) {
        const filter = T[i][j].findIndex((value) => value !== 0);
        if (filter >= 0) return { output: i, input: j, filter, value: T[i][j][filter] };
      }
    }
    return null;
  }

  /* Least and largest exponent of Z in q_j before it wraps, from the coefficients that are there. */
  function basisDegrees(coefficients, b, p) {
    const extent = coefficients.map((stage) =>
      stage.map((c) => [c.findIndex((x) => x !== 0), c.findLastIndex((x) => x !== 0)]),
    );
    return range(b ** p).map((j) =>
      [0, 1].map((end) => extent.reduce((sum, stage, k) => sum + b ** (p - k - 1) * stage[j % b ** (p - k)][end], 0)),
    );
  }

  /* Everything the page shows, from what the reader chose. */
  function operator({ b, p, terms, seed, bounds, filter }) {
    const N = b ** p;
    const n = Math.max(Math.floor(N / 2), 1);
    const F = field(primeWithRoot(N, 1000));
    const coefficients = polynomials({ b, p, q: F.q, terms, seed, bounds });
    const values = evaluate(coefficients, F);
    const matrix = dense(values, b, p, F.q);
    const interpolation = inverse(matrix, F);
    const T = interpolation && tensor(matrix, interpolation, n, F.q);
    const k = filter(n, F.q);
    return {
      b, p, N, n, F, q: F.q, coefficients, matrix, interpolation, T, k,
      factors: factors(values, b, p),
      degrees: basisDegrees(coefficients, b, p),
      caps: digitCaps(b, p, n),
      applied: T && T.map((row) => row.map((through) => through.reduce((sum, t, f) => (sum + t * k[f]) % F.q, 0))),
      witness: T && witness(T),
    };
  }

  return { range, digitCaps, degreeCaps, primeWithRoot, scrambled, operator };
})();
