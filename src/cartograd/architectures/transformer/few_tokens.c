/* What stands between the products of a LLaMA's layer, for one new token of each of a few rows.
 *
 * Plain loops, which compilers turn into vectors. All memory is handed over once, in `Step`.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define VECTOR(bytes) float __attribute__((vector_size(bytes), aligned(1), may_alias))
typedef VECTOR(64) F;
typedef VECTOR(32) F2;
#define INLINE static inline __attribute__((always_inline))
#define EACH(k, n) _Pragma("GCC unroll 8") for (int k = 0; k < n; k++)

typedef struct {
    int64_t rows, dim, heads, groups, width, inner;
    int64_t row, head, token;   /* how far apart rows, heads and tokens of keys and values lie */
    double eps;
    float *x, *more, *hidden;   /* rows dim: the features, what is added to them, their norm */
    float *joint;               /* rows (heads + 2 groups) width: queries, keys, values */
    float *answer;              /* rows heads width */
    float *scores;              /* rows heads, tokens that there is room for */
    int64_t room;
    float *gates, *gated;       /* rows 2 inner: gates and what goes through; rows inner: what did */
    const float *turns;         /* rows width: the cosine and sine of each pair's angle */
    const int64_t *starts;      /* tokens at the left of each row that are padding */
    const int64_t *slots;       /* rows, places: where in pages each token lies; or NULL */
    int64_t places;
} Step;

/* e^x to a unit or two of the last place: 2^whole by the exponent, the rest by a polynomial. */
static inline float power(float x) {
    x = x < -87 ? -87 : x > 88 ? 88 : x;
    const float whole = rintf(x * 1.44269504f);
    const float r = (x - whole * 0.693359375f) - whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    const int32_t bits = ((int32_t)whole + 127) << 23;
    float scale;
    memcpy(&scale, &bits, 4);
    return p * scale;
}

/* hidden = x w / sqrt(mean x^2 + eps), after `more` was added to x where there is any. */
void normed(const Step *step, const float *weight, int add) {
    const int64_t d = step->dim;
    for (int64_t b = 0; b < step->rows; b++) {
        float *restrict x = step->x + b * d, *restrict to = step->hidden + b * d;
        const float *restrict more = step->more + b * d;
        float sum = 0;
        if (add)
            for (int64_t j = 0; j < d; j++) x[j] += more[j];
        for (int64_t j = 0; j < d; j++) sum += x[j] * x[j];
        const float size = (float)(1 / sqrt(sum / (double)d + step->eps));
        for (int64_t j = 0; j < d; j++) to[j] = x[j] * size * weight[j];
    }
}

static void turned(float *restrict x, const float *restrict turn, int64_t d, float by) {
    for (int64_t j = 0; j < d; j += 2) {
        const float real = x[j], other = x[j + 1];
        x[j] = (real * turn[j] - other * turn[j + 1]) * by;
        x[j + 1] = (real * turn[j + 1] + other * turn[j]) * by;
    }
}

/* One head: softmax(q k^T) v over tokens `from` to `to`; `parts` vectors of features. Token s lies
 * at s * token, or in pages at slots[s] * token. */
INLINE void vectors(
    const float *q, const float *keys, const float *values, float *scores, float *answer,
    int64_t from, int64_t to, int64_t token, const int64_t *slots, const int parts, const int paged
) {
    float most = -INFINITY, sum = 0;
    F own[8];
    EACH(k, parts) own[k] = *(const F *)(q + 16 * k);
    for (int64_t s = from; s < to; s++) {
        const float *key = keys + (paged ? slots[s] : s) * token;
        F one = own[0] * *(const F *)key;
        EACH(k, parts) if (k) one += own[k] * *(const F *)(key + 16 * k);
        F2 part = ((F2 *)&one)[0] + ((F2 *)&one)[1];
        float score = 0;
        for (int k = 0; k < 8; k++) score += part[k];
        scores[s] = score, most = score > most ? score : most;
    }
    for (int64_t s = from; s < to; s++) sum += scores[s] = power(scores[s] - most);
    EACH(k, parts) own[k] = (F){0};
    for (int64_t s = from; s < to; s++) {
        const float *value = values + (paged ? slots[s] : s) * token;
        EACH(k, parts) own[k] += scores[s] * *(const F *)(value + 16 * k);
    }
    EACH(k, parts) *(F *)(answer + 16 * k) = own[k] / sum;
}

/* The same of any width. */
static void head(
    const float *restrict q, const float *restrict keys, const float *restrict values,
    float *restrict scores, float *restrict answer, int64_t from, int64_t to, int64_t d,
    int64_t token, const int64_t *slots
) {
    if (slots && d == 64) return vectors(q, keys, values, scores, answer, from, to, token, slots, 4, 1);
    if (slots && d == 128) return vectors(q, keys, values, scores, answer, from, to, token, slots, 8, 1);
    if (d == 64) return vectors(q, keys, values, scores, answer, from, to, token, slots, 4, 0);
    if (d == 128) return vectors(q, keys, values, scores, answer, from, to, token, slots, 8, 0);
    float most = -INFINITY, sum = 0;
    for (int64_t s = from; s < to; s++) {
        const float *key = keys + (slots ? slots[s] : s) * token;
        float one = 0;
        for (int64_t j = 0; j < d; j++) one += q[j] * key[j];
        scores[s] = one, most = one > most ? one : most;
    }
    for (int64_t s = from; s < to; s++) sum += scores[s] = power(scores[s] - most);
    for (int64_t j = 0; j < d; j++) answer[j] = 0;
    for (int64_t s = from; s < to; s++) {
        const float share = scores[s] / sum, *value = values + (slots ? slots[s] : s) * token;
        for (int64_t j = 0; j < d; j++) answer[j] += share * value[j];
    }
}

/* Turn queries and keys, keep keys and values at `place`, and attend to all that are kept. */
void attend(const Step *step, float *kept, int64_t place, int threads) {
    const int64_t d = step->width, heads = step->heads, groups = step->groups;
    const int64_t share = heads / groups, all = (heads + 2 * groups) * d;
    const float by = (float)(1 / sqrt((double)d));
    const int several = threads > 1 && step->rows * heads * (place + 1) * d > 1 << 18;
#pragma omp parallel for num_threads(threads) if (several)
    for (int64_t k = 0; k < step->rows * groups; k++) {
        const int64_t b = k / groups, g = k % groups;
        const float *turn = step->turns + b * d;
        float *own = step->joint + b * all, *key = own + (heads + g) * d, *value = key + groups * d;
        const int64_t *slots = step->slots ? step->slots + b * step->places : NULL;
        float *keys = kept + b * step->row + g * step->head, *values = keys + groups * step->head;
        const int64_t new = (slots ? slots[place] : place) * step->token;
        turned(key, turn, d, 1);
        memcpy(keys + new, key, d * sizeof(float));
        memcpy(values + new, value, d * sizeof(float));
        for (int64_t h = g * share; h < (g + 1) * share; h++) {
            turned(own + h * d, turn, d, by);
            head(
                own + h * d, keys, values, step->scores + (b * heads + h) * step->room,
                step->answer + (b * heads + h) * d, step->starts[b], place + 1, d, step->token, slots
            );
        }
    }
}

/* gated = silu(gate) up. */
void gate(const Step *step) {
    const int64_t d = step->inner;
    for (int64_t b = 0; b < step->rows; b++) {
        const float *restrict from = step->gates + b * 2 * d;
        float *restrict to = step->gated + b * d;
        for (int64_t j = 0; j < d; j++) to[j] = from[j] / (1 + power(-from[j])) * from[d + j];
    }
}
