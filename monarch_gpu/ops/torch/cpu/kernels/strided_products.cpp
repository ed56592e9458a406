// Batched products of strided matrices on a CPU: what torch.bmm does, but every operand is read, and the result written,
// in the layout it already has. And the transpose, for arguments whose innermost axis is not the batch.
//
// Each sum runs over k = 0, 1, … in one register, so that a result does not depend on the threads or on its neighbours.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int BYTES = 64, ROWS = 12;  // of 32 registers: 12 × 2 sums, 2 of a panel, 1 of a
#elif defined(__aarch64__)
constexpr int BYTES = 16, ROWS = 12;
#elif defined(__AVX__)
constexpr int BYTES = 32, ROWS = 6;  // of 16 registers: 6 × 2, 2, 1
#else
constexpr int BYTES = 16, ROWS = 6;
#endif
constexpr int VECTORS = 2;         // a tile of c is ROWS × VECTORS registers
constexpr int PANELS = 2;          // fewest tiles side by side that share what is fetched of a
constexpr int64_t FIRST = 1 << 15;  // bytes of panels that the first-level cache keeps
constexpr int64_t DEPTH = 1024;    // of a panel, which then stays in the second-level cache
constexpr int64_t SECOND = 1 << 19;  // bytes of rows of a, or of sums, that stay there too
constexpr int64_t LARGE = 1 << 24;  // bytes of an operand that no cache keeps until it is read
constexpr int64_t MIDDLING = 1 << 22;  // and that the second-level cache does not
constexpr int NEAR = 6;            // steps ahead that a tile fetches a
constexpr int MANY = 32;           // items that keep all threads busy
constexpr int CHUNK = 50 * ROWS;   // rows that one thread takes at a time
constexpr int DIMS = 8;            // block axes
constexpr double ALONE = 3e5;      // operations that a second thread does not make faster

// One operand: where its pointer is found, and its strides in elements.
struct View {
    int64_t slot, row, column, block[DIMS];
};

// c = a b for every block: a is rows × inner, b inner × columns. Neighbouring columns of c are neighbours in memory.
struct Product {
    View a, b, c;
    int64_t rows, inner, columns, blocks[DIMS];
};

template <typename T> struct Lanes {
    static constexpr int count = BYTES / sizeof(T), width = VECTORS * count;
    typedef T vector __attribute__((vector_size(BYTES)));
    typedef T anywhere __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));
    static vector load(const T* p) { return *(const anywhere*)p; }
    static void store(T* p, vector v) { *(anywhere*)p = v; }
    // past the caches, to an address that is a multiple of BYTES
    static void stream(T* p, vector v) {
#if defined(__AVX512F__)
        _mm512_stream_si512((__m512i*)p, (__m512i)v);
#elif defined(__AVX__)
        _mm256_stream_si256((__m256i*)p, (__m256i)v);
#else
        store(p, v);
#endif
    }

    template <std::size_t... I> static vector interleave(vector x, vector y, std::size_t from, std::index_sequence<I...>) {
        constexpr std::size_t n = sizeof...(I);
        if (from == 0) return __builtin_shufflevector(x, y, (I % 2 ? n + I / 2 : I / 2)...);
        return __builtin_shufflevector(x, y, (I % 2 ? n + n / 2 + I / 2 : n / 2 + I / 2)...);
    }
};

// As many rows as a vector has lanes: interleaving the first half of them with the second log2(lanes) times transposes.
template <typename T> static void transpose_square(const T* in, int64_t in_row, T* out, int64_t out_row) {
    using L = Lanes<T>;
    constexpr int n = L::count;
    constexpr auto lanes = std::make_index_sequence<n>();
    typename L::vector x[n], y[n];
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) x[i] = L::load(in + i * in_row);
#pragma GCC unroll 4
    for (int round = 1; round < n; round *= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) y[i] = L::interleave(x[i / 2], x[i / 2 + n / 2], i % 2, lanes);
#pragma GCC unroll 16
        for (int i = 0; i < n; ++i) x[i] = y[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) L::store(out + i * out_row, x[i]);
}

// out[j][i] = in[i][j]
template <typename T>
static void transpose(int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out, int64_t out_row) {
    constexpr int n = Lanes<T>::count;
    const int64_t whole_rows = rows / n * n, whole_columns = columns / n * n;
    for (int64_t j = 0; j < whole_columns; j += n)
        for (int64_t i = 0; i < whole_rows; i += n)
            transpose_square(in + i * in_row + j, in_row, out + j * out_row + i, out_row);
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) out[j * out_row + i] = in[i * in_row + j];
}

// `width` columns of b, one row after another as a tile reads them; zeros fill the panel up.
template <typename T>
static void pack(int64_t inner, int64_t width, const T* b, int64_t row, int64_t column, T* panel) {
    using L = Lanes<T>;
    if (column == 1 && width == L::width) {
        for (int64_t k = 0; k < inner; ++k)
#pragma GCC unroll 4
            for (int v = 0; v < L::width; v += L::count) L::store(panel + k * L::width + v, L::load(b + k * row + v));
        return;
    }
    if (row == 1 && column != 1)
        transpose(width, inner, b, column, panel, L::width);
    else
        for (int64_t k = 0; k < inner; ++k)
            for (int64_t j = 0; j < width; ++j) panel[k * L::width + j] = b[k * row + j * column];
    for (int64_t k = 0; k < inner; ++k) std::fill(panel + k * L::width + width, panel + (k + 1) * L::width, T(0));
}

// A tile of c = before + a panel, where `before` may be null. At every step it fetches a line of memory that is needed
// later: `later`, and every `stride` elements from there.
template <typename T> struct Tile {
    int64_t inner;
    const T* a;
    int64_t a_row, a_column;
    const T* panel;
    const T* before;
    int64_t before_row;
    T* c;
    int64_t c_row;
    const T* later;
    int64_t stride;
};

// R rows of c, a panel wide; all sums in registers.
template <typename T, int R, bool added, bool streamed> [[gnu::noinline]] static void tile(const Tile<T>& t) {
    using L = Lanes<T>;
    constexpr int FOURS = (R + 3) / 4;  // pointers to every fourth row: with one to each, they don't fit the registers
    typename L::vector sum[R][VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v)
            sum[r][v] = added ? L::load(t.before + r * t.before_row + v * L::count) : typename L::vector{};
    const int64_t a_row = t.a_row, a_column = t.a_column, stride = t.stride;
    const T *panel = t.panel, *later = t.later, *first = t.a + NEAR * a_column, *last = first + (R - 1) * a_row;
    const T* row[FOURS];
#pragma GCC unroll 4
    for (int q = 0; q < FOURS; ++q) row[q] = t.a + 4 * q * a_row;
    for (int64_t k = t.inner; k > 0; --k) {
        __builtin_prefetch(later);
        __builtin_prefetch(first);
        __builtin_prefetch(last);
        typename L::vector b[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) b[v] = L::load(panel + v * L::count);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const typename L::vector x = row[r / 4][r % 4 * a_row] - typename L::vector{};
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) sum[r][v] += x * b[v];
        }
        panel += L::width, later += stride, first += a_column, last += a_column;
#pragma GCC unroll 4
        for (int q = 0; q < FOURS; ++q) {
            row[q] += a_column;
            asm("" : "+r"(row[q]));
        }
    }
    T* c = t.c;
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r, c += t.c_row)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v)
            if (streamed)
                L::stream(c + v * L::count, sum[r][v]);
            else
                L::store(c + v * L::count, sum[r][v]);
}

// The same where less than a panel is left of c.
template <typename T, int R> [[gnu::noinline]] static void narrow_tile(Tile<T> t, int64_t width) {
    constexpr int64_t row = Lanes<T>::width;
    T whole[R * row] = {};
    if (t.before)
        for (int r = 0; r < R; ++r) std::copy_n(t.before + r * t.before_row, width, whole + r * row);
    T* const c = std::exchange(t.c, whole);
    const int64_t c_row = std::exchange(t.c_row, row);
    t.before = whole, t.before_row = row;
    tile<T, R, true, false>(t);
    for (int r = 0; r < R; ++r) std::copy_n(whole + r * row, width, c + r * c_row);
}

// A tile of the `rows` that are left, at most ROWS of them.
template <typename T, int R = ROWS> static void tile_of(int64_t rows, int64_t width, bool streamed, const Tile<T>& t) {
    if (R > 1 && rows < R)
        tile_of<T, R - (R > 1)>(rows, width, streamed, t);
    else if (width < Lanes<T>::width)
        narrow_tile<T, R>(t, width);
    else if (t.before)
        streamed ? tile<T, R, true, true>(t) : tile<T, R, true, false>(t);
    else
        streamed ? tile<T, R, false, true>(t) : tile<T, R, false, false>(t);
}

template <typename T> static T* block_of(const View& view, const Product& p, int64_t block, void* const* slots) {
    T* pointer = (T*)slots[view.slot];
    for (int d = DIMS - 1; d >= 0 && block; --d) {
        pointer += block % p.blocks[d] * view.block[d];
        block /= p.blocks[d];
    }
    return pointer;
}

static int64_t blocks_of(const Product& p) {
    int64_t found = 1;
    for (const int64_t n : p.blocks) found *= n;
    return found;
}

// Whether c lies so that it can be written past the caches.
template <typename T> static bool aligned(const Product& p, void* const* slots) {
    const int64_t size = sizeof(T);
    int64_t bits = (int64_t)slots[p.c.slot] | p.c.row * size;
    for (const int64_t stride : p.c.block) bits |= stride * size;
    return bits % BYTES == 0;
}

// How a product is cut: an item of work is a strip of columns of a chunk of rows, and goes `depth` by `depth` through
// the inner axis. And what a thread keeps of it in memory of its own: panels of b, sums so far, and rows of a.
struct Cut {
    int64_t blocks, chunk, chunks, strip, strips, depth;
    bool far, gathers, streams;

    int64_t items() const { return blocks * strips * chunks; }
    int64_t panels() const { return depth * strip; }
    int64_t sums(const Product& p) const { return streams && depth < p.inner ? chunk * strip : 0; }
    int64_t rows() const { return gathers ? chunk * depth : 0; }
};

template <typename T> static Cut cut(const Product& p, void* const* slots) {
    constexpr int64_t size = sizeof(T), width = Lanes<T>::width;
    const int64_t blocks = blocks_of(p);
    if (blocks * p.rows * p.columns == 0) return {};
    const bool along = p.a.column == 1, many = blocks >= MANY;
    // rows of a that lie far apart may share a few sets of the caches, and push each other out of them
    const bool apart = along && p.a.row > 2 * p.inner && blocks * p.rows * p.inner * size >= LARGE && p.inner <= DEPTH;
    const bool gathers = apart && std::min<int64_t>(p.rows, many ? p.rows : CHUNK) * p.inner * size <= SECOND;
    // a transposed is fetched in one piece, which is as many rows as there are
    const int64_t chunk = many && (gathers || !along) ? p.rows : std::min<int64_t>(p.rows, CHUNK);
    const int64_t chunks = (p.rows + chunk - 1) / chunk;
    // and takes a new line of memory at every step, or two: nothing else should then come from the second-level cache
    const int64_t depth = std::clamp<int64_t>(p.inner, 1, along ? DEPTH : FIRST / (PANELS * width * size));
    const int64_t kept = blocks * chunks < MANY ? 0 : FIRST / (depth * width * size);
    const int64_t strip = std::min(std::max<int64_t>(PANELS, kept), (p.columns + width - 1) / width) * width;
    const bool fits = depth >= p.inner || chunk * strip * size <= SECOND;
    const bool far = blocks * p.inner * p.columns * size >= MIDDLING;
    const bool streams = fits && blocks * p.rows * p.columns * size >= LARGE && aligned<T>(p, slots);
    return {blocks, chunk, chunks, strip, (p.columns + strip - 1) / strip, depth, far, gathers, streams};
}

struct Place {
    int64_t block, column, row;
};

// Where an item of work starts.
static Place place(int64_t item, const Cut& t) {
    return {item / (t.strips * t.chunks), item / t.chunks % t.strips * t.strip, item % t.chunks * t.chunk};
}

// Pieces of memory, `length` elements each, that can be fetched into the second-level cache.
template <typename T> struct Pieces {
    const T* first;
    int64_t count, apart, length;

    void fetch(int64_t from, int64_t to) const {
        for (int64_t q = from; q < std::min(to, count); ++q)
            for (int64_t d = 0; d < length; d += 64 / sizeof(T)) __builtin_prefetch(first + q * apart + d, 0, 2);
    }
};

// What is packed of b at a place, from row k on; none of it where b is small enough for the caches.
template <typename T>
static Pieces<T> packed_at(const Place& at, int64_t k, const Product& p, const Cut& t, void* const* slots) {
    if (!t.far || at.block >= t.blocks) return {};
    const T* first = block_of<T>(p.b, p, at.block, slots) + k * p.b.row + at.column * p.b.column;
    const int64_t depth = std::min(t.depth, p.inner - k), wide = std::min(t.strip, p.columns - at.column);
    if (p.b.row == 1) return {first, wide, p.b.column, depth};
    return {first, depth, p.b.row, wide};
}

// One product, by all threads of the team; `own` is a thread's own memory.
template <typename T> static void product(const Product& p, const Cut& t, void* const* slots, T* own) {
    constexpr int64_t width = Lanes<T>::width;
    const bool along = p.a.column == 1, whole = t.sums(p) == 0;
    const int64_t beside = t.strip / width, share = std::max<int64_t>(1, ROWS / std::max<int64_t>(beside, PANELS));
    T *const panels = own, *const sums = panels + t.panels(), *const rows = sums + t.sums(p);
    int64_t gathered = -1;
#pragma omp for schedule(static) nowait
    for (int64_t item = 0; item < t.items(); ++item) {
        const Place at = place(item, t), after = place(item + 1, t);
        const int64_t tall = std::min(t.chunk, p.rows - at.row), wide = std::min(t.strip, p.columns - at.column);
        const T* a = block_of<T>(p.a, p, at.block, slots) + at.row * p.a.row;
        const T* b = block_of<T>(p.b, p, at.block, slots) + at.column * p.b.column;
        T* const c = block_of<T>(p.c, p, at.block, slots) + at.row * p.c.row + at.column;
        // sums that are not whole yet are kept in c where nothing else is
        T* const kept = whole ? c : sums;
        const int64_t kept_row = whole ? p.c.row : t.strip, a_row = t.gathers ? p.inner : p.a.row;
        if (t.gathers) {
            const int64_t source = at.block * t.chunks + item % t.chunks;
            if (std::exchange(gathered, source) != source)
                for (int64_t i = 0; i < tall; ++i) std::copy_n(a + i * p.a.row, a_row, rows + i * a_row);
            a = rows;
        }
        for (int64_t k = 0; k < p.inner; k += t.depth) {
            const int64_t depth = std::min(t.depth, p.inner - k);
            const bool ends = k + depth == p.inner;
            for (int64_t j = 0; j < wide; j += width)
                pack(depth, std::min(width, wide - j), b + k * p.b.row + j * p.b.column, p.b.row, p.b.column,
                     panels + j * t.depth);
            // of what is packed next, every tile fetches its share
            const Pieces<T> next = packed_at<T>(ends ? after : at, ends ? 0 : k + depth, p, t, slots);
            const int64_t tiles = (tall + ROWS - 1) / ROWS * ((wide + width - 1) / width);
            const int64_t fetched = (next.count + tiles - 1) / tiles;
            int64_t n = 0;
            for (int64_t i = 0; i < tall; i += ROWS)
                for (int64_t j = 0; j < wide; j += width, ++n) {
                    const T* left = a + i * a_row + k * p.a.column;
                    // of the next rows of a, every one of the tiles side by side fetches its share; where a lies
                    // transposed, that of what lies behind this depth, be it of the same block or of the next
                    const T* later = along ? left + (ROWS + j / width * share) * a_row
                                           : a + (k + depth) * p.a.column + n * share * depth;
                    T *const before = kept + i * kept_row + j, *const result = c + i * p.c.row + j;
                    next.fetch(n * fetched, (n + 1) * fetched);
                    tile_of<T>(tall - i, std::min(width, wide - j), ends && t.streams,
                               {depth, left, a_row, p.a.column, panels + j * t.depth, k > 0 ? before : nullptr, kept_row,
                                ends ? result : before, ends ? p.c.row : kept_row, later, share});
                }
        }
    }
#if defined(__AVX__)
    if (t.streams) _mm_sfence();
#endif
#pragma omp barrier
}

static double work(const Product& p) { return 2.0 * p.rows * p.inner * p.columns * blocks_of(p); }

template <typename T> static void products(const Product* all, int64_t count, void* const* slots) {
    double total = 0;
    int64_t most = 0;
    std::vector<Cut> cuts;
    for (int64_t i = 0; i < count; ++i) {
        const Cut t = cuts.emplace_back(cut<T>(all[i], slots));
        total += work(all[i]);
        most = std::max(most, t.panels() + t.sums(all[i]) + t.rows());
    }
#pragma omp parallel if (total > ALONE)
    {
        T* own = (T*)std::aligned_alloc(BYTES, (most * sizeof(T) + BYTES - 1) / BYTES * BYTES);
        for (int64_t i = 0; i < count; ++i) product<T>(all[i], cuts[i], slots, own);
        std::free(own);
    }
}

template <typename T>
static void transposes(int64_t count, int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out) {
    constexpr int64_t strip = Lanes<T>::count;
    const bool wide = rows < columns;
    const int64_t strips = (std::max(rows, columns) + strip - 1) / strip;
#pragma omp parallel for collapse(2) if (count * rows * columns > ALONE / 10)
    for (int64_t i = 0; i < count; ++i)
        for (int64_t s = 0; s < strips * strip; s += strip) {
            const T* from = in + i * rows * in_row;
            T* to = out + i * rows * columns;
            if (wide)
                transpose(rows, std::min(strip, columns - s), from + s, in_row, to + s * rows, rows);
            else
                transpose(std::min(strip, rows - s), columns, from + s * in_row, in_row, to + s, rows);
        }
}

#define EXPORT(T, NAME)                                                                                            \
    extern "C" void products_##NAME(const Product* all, int64_t count, void* const* slots) {                       \
        products<T>(all, count, slots);                                                                            \
    }                                                                                                              \
    extern "C" void transpose_##NAME(int64_t n, int64_t rows, int64_t columns, const T* in, int64_t in_row, T* out) { \
        transposes<T>(n, rows, columns, in, in_row, out);                                                          \
    }
EXPORT(float, float32)
EXPORT(double, float64)
