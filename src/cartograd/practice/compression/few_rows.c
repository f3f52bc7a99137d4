/* Products of a few rows with a large weight: y = x W^T + b.
 *
 * A step of decoding reads each weight once, so what counts is how fast weights come from memory
 * and how little is done to them on the way. The vectors are those of GCC and Clang, for any
 * processor; where one has instructions for sums of products of bytes, `dot4` names them. A thread
 * reads at a few places far from each other: processors fetch ahead of each, but not of neighbours.
 *
 *   32 bits   W_ij
 *   8 bits    W_ij = s_i q_ij, |q| <= 127; a row of inputs is r (p - z), p from 0 to 255; r and z are
 *             each row's own, or given
 *   4 bits    W_ij = s_ig (q_ij - 8) + o_ig, q from 0 to 15; a group of inputs is r p, |p| <= 127
 *
 * Weights lie in blocks of LANES rows, floats of a column, bytes of 4 columns and four bits of 8: the
 * low halves are columns 0 to 3 of each row, the high ones 4 to 7. Their scales and offsets, in
 * bfloat16, lie d2/LANES groups LANES. What fills the last block up is 0.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif
#if defined(__AVX512VNNI__)
#define LANES 16
#define MOST 8 /* rows of whole numbers at once, by how many sums registers hold */
#else
#define LANES 8
#define MOST 4
#endif
#define BYTES (4 * LANES)

#define VECTOR(type, bytes) type __attribute__((vector_size(bytes), aligned(1), may_alias))
typedef VECTOR(float, BYTES) F;
typedef VECTOR(int32_t, BYTES) I;
typedef VECTOR(uint32_t, BYTES) U;
typedef VECTOR(uint16_t, BYTES / 2) H;
#define INLINE static inline __attribute__((always_inline))
#define EACH(k, n) _Pragma("GCC unroll 8") for (int k = 0; k < n; k++)

typedef struct {
    int64_t bits, d, d2, group;
    const void *weight, *scale, *offset; /* 8 bits: `offset` is the sum of each row's numbers */
    const float *bias;                   /* or NULL */
    float step;                          /* 8 bits: of all inputs; 0 where each row has its own */
    int32_t zero, most;                  /* that stands for zero; the largest */
} Job;

typedef struct {         /* the inputs, and whole numbers of them */
    const float *x;
    uint8_t *whole;
    float *step, *share; /* of a row (8 bits) or group (4): what 1 stands for; 4: all of them */
    int32_t *zero;       /* 8 bits: the number of zero; 4: the sum of the numbers */
} Inputs;

/* acc + the sum of four products of bytes, unsigned by signed, for each lane; `small`: the unsigned
 * ones are 15 at most, so that two products fit into 16 bits. */
INLINE I dot4(I acc, I a, I b, const int small) {
#if defined(__AVX512VNNI__)
    return small + 1 ? (I)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)a, (__m512i)b) : acc;
#elif defined(__AVXVNNI__)
    return small + 1 ? (I)_mm256_dpbusd_avx_epi32((__m256i)acc, (__m256i)a, (__m256i)b) : acc;
#elif defined(__AVX2__)
    const __m256i l = (__m256i)a, r = (__m256i)b, low = _mm256_set1_epi16(255);
    if (small)
        return acc + (I)_mm256_madd_epi16(_mm256_maddubs_epi16(l, r), _mm256_set1_epi16(1));
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(r, 8), 8), odd = _mm256_srai_epi16(r, 8);
    return acc + (I)_mm256_madd_epi16(_mm256_and_si256(l, low), even)
        + (I)_mm256_madd_epi16(_mm256_srli_epi16(l, 8), odd);
#else
    for (int k = 0; k < 32 * (small + 1 > 0); k += 8)
        acc += ((a >> k) & 255) * ((I)((U)b << (24 - k)) >> 24);
    return acc;
#endif
}

/* Several rows compute while weights come: what is read soon is asked for before they are done. A
 * single row reads as fast as it can. */
#define AHEAD 1024
INLINE void ahead(const void *from, const int count) {
    EACH(k, count) __builtin_prefetch((const char *)from + AHEAD + 64 * k, 0, 3);
}

/* A block's rows of an answer: all, or those that there are. */
INLINE void store(const Job *job, float *y, int64_t k, F sum) {
    if (job->bias) sum += *(const F *)(job->bias + k);
    if (k + LANES <= job->d2) *(F *)(y + k) = sum;
    else memcpy(y + k, &sum, (job->d2 - k) * 4);
}

/* Blocks i, i + far, ... of the weight by rows b0, b0 + 1, ... of the inputs; m and n are constants. */
INLINE void floats(
    const Job *job, const Inputs *in, float *y, int64_t i, int64_t far, int64_t b0, const int m, const int n
) {
    const int64_t d = job->d;
    const float *w = (const float *)job->weight + i * d * LANES, *x = in->x + b0 * d;
    F sum[2][8];
    EACH(a, m) EACH(b, n) sum[a][b] = (F){0};
    for (int64_t j = 0; j < d; j++) EACH(a, m) {
        const F row = *(const F *)(w + (a * far * d + j) * LANES);
        EACH(b, n) sum[a][b] += row * x[b * d + j];
    }
    EACH(a, m) EACH(b, n) store(job, y + (b0 + b) * job->d2, (i + a * far) * LANES, sum[a][b]);
}

INLINE void eights(
    const Job *job, const Inputs *in, float *y, int64_t i, int64_t far, int64_t b0, const int m, const int n
) {
    const int64_t d = job->d;
    const int8_t *w = job->weight;
    const uint8_t *x = in->whole + b0 * d;
    I even[2][8], odd[2][8];
    EACH(a, m) EACH(b, n) even[a][b] = odd[a][b] = (I){0};
    for (int64_t j = 0; j < d; j += 8) {
        I first[2], second[2];
        EACH(a, m) {
            const I *row = (const I *)(w + (i + a * far) * d * LANES + j * LANES);
            first[a] = row[0], second[a] = row[1];
            if (n > 3) ahead(row, 2);
        }
        EACH(b, n) {
            const int32_t *from = (const int32_t *)(x + b * d + j);
            const I one = (I){0} + from[0], two = (I){0} + from[1];
            EACH(a, m) {
                I *other = n < 4 ? &odd[a][b] : &even[a][b]; /* many sums need no second one each */
                even[a][b] = dot4(even[a][b], one, first[a], 0);
                *other = dot4(*other, two, second[a], 0);
            }
        }
    }
    EACH(a, m) EACH(b, n) {
        const int64_t k = (i + a * far) * LANES;
        const I sums = *(const I *)((const int32_t *)job->offset + k);
        const F scale = *(const F *)((const float *)job->scale + k) * in->step[b0 + b];
        const I found = even[a][b] + odd[a][b] - in->zero[b0 + b] * sums;
        store(job, y + (b0 + b) * job->d2, k, __builtin_convertvector(found, F) * scale);
    }
}

INLINE F wide(const void *from, int64_t k) { /* of bfloat16 */
    return (F)(__builtin_convertvector(*(const H *)((const uint16_t *)from + k), U) << 16);
}

INLINE void fours(
    const Job *job, const Inputs *in, float *y, int64_t i, int64_t far, int64_t b0, const int m, const int n
) {
    const int64_t d = job->d, size = job->group, groups = d / size;
    const uint8_t *w = (const uint8_t *)job->weight, *x = in->whole + b0 * d;
    F sum[2][8];
    EACH(a, m) EACH(b, n) sum[a][b] = (F){0};
    for (int64_t g = 0; g < groups; g++) {
        I low[2][8], high[2][8];
        EACH(a, m) EACH(b, n) {
            low[a][b] = (I){0} - 8 * in->zero[(b0 + b) * groups + g], high[a][b] = (I){0};
        }
        for (int64_t j = g * size; j < (g + 1) * size; j += 8) {
            I first[2], second[2];
            EACH(a, m) {
                const I both = *(const I *)(w + (i + a * far) * d * (LANES / 2) + j * (LANES / 2));
                if (n > 3) ahead(w + (i + a * far) * d * (LANES / 2) + j * (LANES / 2), 1);
                first[a] = both & 0x0f0f0f0f, second[a] = (both >> 4) & 0x0f0f0f0f;
            }
            EACH(b, n) {
                const int32_t *from = (const int32_t *)(x + b * d + j);
                const I one = (I){0} + from[0], two = (I){0} + from[1];
                EACH(a, m) {
                    low[a][b] = dot4(low[a][b], first[a], one, 1);
                    I *other = n < 4 ? &high[a][b] : &low[a][b];
                    *other = dot4(*other, second[a], two, 1);
                }
            }
        }
        EACH(a, m) {
            const int64_t k = ((i + a * far) * groups + g) * LANES;
            const F s = wide(job->scale, k), o = wide(job->offset, k);
            EACH(b, n) {
                const int64_t p = (b0 + b) * groups + g;
                const F found = __builtin_convertvector(low[a][b] + high[a][b], F);
                sum[a][b] += found * (s * in->step[p]) + o * in->share[p];
            }
        }
    }
    EACH(a, m) EACH(b, n) store(job, y + (b0 + b) * job->d2, (i + a * far) * LANES, sum[a][b]);
}

typedef void Kernel(const Job *, const Inputs *, float *, int64_t, int64_t, int64_t);
typedef Kernel *Form[6]; /* one block alone, two far ones, by 1 to 4 and 8 rows of inputs */
#define KERNEL(of, m, n) \
    static void of##_##m##_##n( \
        const Job *job, const Inputs *in, float *y, int64_t i, int64_t far, int64_t b \
    ) { of(job, in, y, i, far, b, m, n); }
#define KERNELS(of) KERNEL(of, 1, 1) KERNEL(of, 2, 1) KERNEL(of, 2, 2) KERNEL(of, 2, 3) KERNEL(of, 2, 4)
KERNELS(floats) KERNEL(floats, 2, 8)
KERNELS(eights) KERNEL(eights, 2, MOST)
KERNELS(fours) KERNEL(fours, 2, MOST)

INLINE int32_t bits(float x) { int32_t b; memcpy(&b, &x, 4); return b; }
INLINE float number(int32_t b) { float x; memcpy(&x, &b, 4); return x; }
INLINE int32_t ordered(int32_t b) { return b ^ ((b >> 31) & 0x7fffffff); } /* as floats are */

/* A row of inputs on a grid; `in` and `job` are not asked here: a byte that is written could be theirs. */
static void round_all(const float *x, uint8_t *whole, int64_t d, float step, float zero, float most) {
    for (int64_t j = 0; j < d; j++) {
        const float p = rintf(x[j] / step + zero);
        whole[j] = (uint8_t)(int32_t)(p > 0 ? p < most ? p : most : 0);
    }
}

static void round_eight(const Job *job, const Inputs *in, int64_t b) {
    const int64_t d = job->d;
    const float *x = in->x + b * d;
    uint8_t *whole = in->whole + b * d;
    if (job->step > 0) {
        round_all(x, whole, d, job->step, (float)job->zero, (float)job->most);
        in->step[b] = job->step, in->zero[b] = job->zero;
        return;
    }
    int32_t low = 0, high = 0; /* zero is in the range; what is no number is beyond all others */
    for (int64_t j = 0; j < d; j++) {
        const int32_t one = ordered(bits(x[j]));
        low = one < low ? one : low, high = one > high ? one : high;
    }
    const float least = number(ordered(low)), range = (number(high) - least) / 255;
    const float step = range < 1e-30f ? 1e-30f : range, zero = -rintf(least / step);
    round_all(x, whole, d, step, zero, 255);
    in->step[b] = step, in->zero[b] = zero > 0 ? (int32_t)zero : 0;
}

static void round_four(const Job *job, const Inputs *in, int64_t k) {
    const int64_t size = job->group;
    const float *x = in->x + k * size;
    int8_t *whole = (int8_t *)in->whole + k * size;
    int32_t most = 0, sum = 0;
    for (int64_t j = 0; j < size; j++) {
        const int32_t one = bits(x[j]) & 0x7fffffff;
        most = one > most ? one : most;
    }
    const float step = number(most) / 127, back = step > 1e-30f ? 1 / step : 0;
    for (int64_t j = 0; j < size; j++) {
        const int32_t p = (int32_t)rintf(x[j] * back);
        whole[j] = (int8_t)p, sum += p;
    }
    in->step[k] = step, in->zero[k] = sum, in->share[k] = step * (float)sum;
}

/* Rows in one vector, by which four bits are laid out. */
int lanes(void) { return LANES; }

/* Blocks i and i + far of the answer, of all n rows. */
INLINE void two(
    const Job *job, const Inputs *in, float *y, int64_t n, int64_t i, int64_t far, Kernel *const *form
) {
    for (int64_t b = 0, some; b < n; b += some) {
        const int64_t left = n - b;
        some = left >= 8 && (job->bits == 32 || MOST == 8) ? 8 : left >= 4 ? 4 : left;
        form[some == 8 ? 5 : some](job, in, y, i, far, b);
    }
}

/* y = x W^T + b of n rows on some threads; 0, or 1 where there was no memory. */
int product(const Job *job, const float *x, float *y, int64_t n, int threads) {
    const int kind = job->bits == 32 ? 0 : job->bits == 8 ? 1 : 2;
    static const Form forms[3] = {
        {floats_1_1, floats_2_1, floats_2_2, floats_2_3, floats_2_4, floats_2_8},
        {eights_1_1, eights_2_1, eights_2_2, eights_2_3, eights_2_4, eights_2_MOST},
        {fours_1_1, fours_2_1, fours_2_2, fours_2_3, fours_2_4, fours_2_MOST},
    };
    const int64_t count = (job->d2 + LANES - 1) / LANES, far = count / 2;
    const int64_t parts = kind == 2 ? n * (job->d / job->group) : n;
    uint8_t *memory = kind ? malloc(n * job->d + parts * 12 + 64) : NULL;
    if (kind && !memory) return 1;
    uint8_t *whole = memory + (64 - (uintptr_t)memory % 64);
    float *step = (float *)(whole + n * job->d);
    const Inputs in = {x, whole, step, step + parts, (int32_t *)(step + 2 * parts)};
    for (int64_t k = 0; kind && k < parts; k++) (kind == 1 ? round_eight : round_four)(job, &in, k);
    if (threads > 1) { /* of its own: a team of one takes a third of a microsecond */
#pragma omp parallel for num_threads(threads)
        for (int64_t i = 0; i < far; i++) two(job, &in, y, n, i, far, forms[kind]);
    } else for (int64_t i = 0; i < far; i++) two(job, &in, y, n, i, far, forms[kind]);
    for (int64_t b = 0; count % 2 && b < n; b++) forms[kind][0](job, &in, y, count - 1, 1, b);
    free(memory);
    return 0;
}
