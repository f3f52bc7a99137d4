/* What stands between the products of a decoder's layer, for one new token of each of a few rows.
 *
 * Families differ in data: where norms stand and of what kind they are, which layers turn queries and
 * keys and see a window only, what bounds the scores, how a gate gates, which experts are chosen.
 * Plain loops, which compilers turn into vectors. All memory is handed over once, in `Step`.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define VECTOR(bytes) float __attribute__((vector_size(bytes), aligned(1), may_alias))
typedef VECTOR(64) F;
typedef VECTOR(32) F2;
#define INLINE static inline __attribute__((always_inline))
#define EACH(k, n) _Pragma("GCC unroll 16") for (int k = 0; k < n; k++)

typedef struct {
    int64_t rows, dim, heads, groups, width, experts;
    int64_t room, row, head, token; /* tokens of a row; how far apart rows, heads and tokens lie */
    int64_t places;             /* slots of a row */
    int64_t centred;            /* norms take the mean off and add what lies behind their weights */
    double eps, scale, cap;     /* under the norms' roots; on the scores; their bound, or 0 */
    float *x, *more, *hidden;   /* rows dim: the features, what is added to them, their norm */
    float *joint;               /* rows (heads + 2 groups) width: queries, keys, values */
    float *answer;              /* rows heads width */
    float *scores;              /* rows heads, tokens that there is room for */
    float *gates, *gated;       /* rows 2 inner: gates and what goes through; rows inner: what did */
    float *fits;                /* rows experts: the router's scores */
    float *some, *one;          /* rows dim: features of an expert's rows; its answers */
    float *shares, *share;      /* rows k: of chosen experts, expert by expert; row by row */
    int64_t *which, *chosen;    /* rows k: whose those are; the experts, row by row */
    int64_t *counts;            /* experts: how many rows have chosen each */
    const int64_t *starts;      /* tokens at the left of each row that are padding */
    const int64_t *slots;       /* rows, places: where in pages each token lies; or NULL */
} Step;

typedef struct {                /* what layers differ in; NULL where there is none */
    const float *both;          /* heads + groups, width: weights of the norms of queries and keys */
    const float *turns;         /* rows width: the cosine and sine of each pair's angle */
    const float *sinks;         /* heads: the score that each may spend on nothing */
    int64_t apart, window;      /* a norm for each head, or one for all; how far it sees, or 0 */
} Layer;

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

/* cap tanh(x / cap): near 0 by a series, as there 1 - 1 has no digits left. */
static inline float bent(float x, float cap) {
    const float z = x / cap, q = z * z, e = power(2 * z);
    float near = -1382.0f / 155925;
    near = near * q + 62.0f / 2835;
    near = near * q - 17.0f / 315;
    near = near * q + 2.0f / 15;
    near = near * q - 1.0f / 3;
    near = near * q * z + z;
    return cap * (q < 0.1f ? near : 1 - 2 / (e + 1));
}

/* to = (x - mean) w / sqrt(variance + eps) + b, or without mean and b; `to` may be x. */
INLINE void norm(const float *x, const float *w, float *to, int64_t d, double eps, const int centred) {
    float mean = 0, sum = 0;
    if (centred) {
        for (int64_t j = 0; j < d; j++) mean += x[j];
        mean /= (float)d;
        for (int64_t j = 0; j < d; j++) sum += (x[j] - mean) * (x[j] - mean);
    } else
        for (int64_t j = 0; j < d; j++) sum += x[j] * x[j];
    const float size = (float)(1 / sqrt(sum / (double)d + eps));
    if (centred) {
#pragma GCC ivdep
        for (int64_t j = 0; j < d; j++) to[j] = (x[j] - mean) * size * w[j] + w[d + j];
    } else {
#pragma GCC ivdep
        for (int64_t j = 0; j < d; j++) to[j] = x[j] * size * w[j];
    }
}

static void normed_to(const Step *step, const float *x, const float *w, float *to) {
    if (!w) { if (to != x) memcpy(to, x, step->dim * sizeof(float)); }
    else if (step->centred) norm(x, w, to, step->dim, step->eps, 1);
    else norm(x, w, to, step->dim, step->eps, 0);
}

/* x += norm(more), where there is any; hidden = norm(x). A norm without weights is none. */
void normed(const Step *step, const float *after, const float *before, int add) {
    const int64_t d = step->dim;
    for (int64_t b = 0; b < step->rows; b++) {
        float *restrict x = step->x + b * d, *restrict more = step->more + b * d;
        if (add) {
            normed_to(step, more, after, more);
            for (int64_t j = 0; j < d; j++) x[j] += more[j];
        }
        normed_to(step, x, before, step->hidden + b * d);
    }
}

static void bounded(const Step *step, const Layer *layer) {
    const int64_t d = step->width, heads = step->heads, groups = step->groups;
    const float *w = layer->both;
    for (int64_t b = 0; b < step->rows; b++) {
        float *own = step->joint + b * (heads + 2 * groups) * d, *keys = own + heads * d;
        if (layer->apart)
            for (int64_t k = 0; k < heads + groups; k++)
                norm(own + k * d, w + k * d, own + k * d, d, step->eps, 0);
        else {
            norm(own, w, own, heads * d, step->eps, 0);
            norm(keys, w + heads * d, keys, groups * d, step->eps, 0);
        }
    }
}

static void turned(float *restrict x, const float *restrict turn, int64_t d, float by) {
    for (int64_t j = 0; !turn && j < d; j++) x[j] *= by;
    if (!turn) return;
    for (int64_t j = 0; j < d; j += 2) {
        const float real = x[j], other = x[j + 1];
        x[j] = (real * turn[j] - other * turn[j + 1]) * by;
        x[j + 1] = (real * turn[j + 1] + other * turn[j]) * by;
    }
}

typedef struct { /* of one head */
    const float *q, *keys, *values;
    float *scores, *answer;
    int64_t from, to, token;
    const int64_t *slots;
    float cap, sink;
} Head;

/* Scores become shares; the sum of all, and of what is spent on nothing. */
static float shared(const Head *head, float most) {
    float *restrict scores = head->scores, sum = 0;
    const float cap = head->cap;
    if (cap > 0) {
        for (int64_t s = head->from; s < head->to; s++) scores[s] = bent(scores[s], cap);
        most = bent(most, cap);
    }
    most = head->sink > most ? head->sink : most;
    for (int64_t s = head->from; s < head->to; s++) sum += scores[s] = power(scores[s] - most);
    return head->sink > -INFINITY ? sum + power(head->sink - most) : sum;
}

/* softmax(q k^T) v over tokens `from` to `to`; `parts` vectors of features. Token s lies at
 * s * token, or in pages at slots[s] * token. */
INLINE void vectors(const Head *head, const int parts, const int paged) {
    const int64_t from = head->from, to = head->to, token = head->token, *slots = head->slots;
    float most = -INFINITY;
    F own[16];
    EACH(k, parts) own[k] = *(const F *)(head->q + 16 * k);
    for (int64_t s = from; s < to; s++) {
        const float *key = head->keys + (paged ? slots[s] : s) * token;
        F one = own[0] * *(const F *)key;
        EACH(k, parts) if (k) one += own[k] * *(const F *)(key + 16 * k);
        F2 part = ((F2 *)&one)[0] + ((F2 *)&one)[1];
        float score = 0;
        for (int k = 0; k < 8; k++) score += part[k];
        head->scores[s] = score, most = score > most ? score : most;
    }
    const float sum = shared(head, most);
    EACH(k, parts) own[k] = (F){0};
    for (int64_t s = from; s < to; s++) {
        const float *value = head->values + (paged ? slots[s] : s) * token, share = head->scores[s];
        EACH(k, parts) own[k] += share * *(const F *)(value + 16 * k);
    }
    EACH(k, parts) *(F *)(head->answer + 16 * k) = own[k] / sum;
}

/* The same of any width. */
static void attended(const Head *head, int64_t d) {
#define WIDE(parts) case 16 * parts: \
    return head->slots ? vectors(head, parts, 1) : vectors(head, parts, 0);
    switch (d) { WIDE(4) WIDE(5) WIDE(6) WIDE(8) WIDE(16) }
    const int64_t from = head->from, to = head->to, token = head->token, *slots = head->slots;
    const float *restrict q = head->q;
    float *restrict answer = head->answer, most = -INFINITY;
    for (int64_t s = from; s < to; s++) {
        const float *restrict key = head->keys + (slots ? slots[s] : s) * token;
        float one = 0;
        for (int64_t j = 0; j < d; j++) one += q[j] * key[j];
        head->scores[s] = one, most = one > most ? one : most;
    }
    const float sum = shared(head, most);
    for (int64_t j = 0; j < d; j++) answer[j] = 0;
    for (int64_t s = from; s < to; s++) {
        const float share = head->scores[s] / sum;
        const float *restrict value = head->values + (slots ? slots[s] : s) * token;
        for (int64_t j = 0; j < d; j++) answer[j] += share * value[j];
    }
}

/* Norm and turn queries and keys, keep keys and values at `place`, and attend to what is seen. */
void attend(const Step *step, const Layer *layer, float *kept, int64_t place, int threads) {
    const int64_t d = step->width, heads = step->heads, groups = step->groups, end = place + 1;
    const int64_t share = heads / groups, all = (heads + 2 * groups) * d;
    const int64_t near = layer->window && end > layer->window ? end - layer->window : 0;
    const int several = threads > 1 && step->rows * heads * (end - near) * d > 1 << 18;
    if (layer->both) bounded(step, layer);
#pragma omp parallel for num_threads(threads) if (several)
    for (int64_t k = 0; k < step->rows * groups; k++) {
        const int64_t b = k / groups, g = k % groups, start = step->starts[b];
        const float *turn = layer->turns ? layer->turns + b * d : NULL;
        float *own = step->joint + b * all, *key = own + (heads + g) * d, *value = key + groups * d;
        const int64_t *slots = step->slots ? step->slots + b * step->places : NULL;
        float *keys = kept + b * step->row + g * step->head, *values = keys + groups * step->head;
        const int64_t new = (slots ? slots[place] : place) * step->token;
        turned(key, turn, d, 1);
        memcpy(keys + new, key, d * sizeof(float));
        memcpy(values + new, value, d * sizeof(float));
        for (int64_t h = g * share; h < (g + 1) * share; h++) {
            turned(own + h * d, turn, d, (float)step->scale);
            const Head head = {
                own + h * d, keys, values, step->scores + (b * heads + h) * step->room,
                step->answer + (b * heads + h) * d, start > near ? start : near, end, step->token,
                slots, (float)step->cap, layer->sinks ? layer->sinks[h] : -INFINITY,
            };
            attended(&head, d);
        }
    }
}

/* x / (1 + e^-r(x)) by what goes through: silu; gelu by a tanh; gpt-oss' clamped; gelu alone. */
#define RATE 1.5957691216f
#define GATED(of, apart, r, low, high, through) case of: \
    for (int64_t b = 0; b < rows; b++) { \
        const float *restrict from = step->gates + b * apart * d; \
        float *restrict to = step->gated + b * d; \
        for (int64_t j = 0; j < d; j++) { \
            const float x = from[j] > high ? high : from[j]; \
            to[j] = x / (1 + power(-(r))) * (through); \
        } \
    } \
    return;
static inline float within(float x, float most) { return x > most ? most : x < -most ? -most : x; }

void gate(const Step *step, int64_t rows, int64_t d, int form) {
    switch (form) {
        GATED(0, 2, x, 0, INFINITY, from[d + j])
        GATED(1, 2, RATE * (x + 0.044715f * x * x * x), 0, INFINITY, from[d + j])
        GATED(2, 2, 1.702f * x, 0, 7.0f, within(from[d + j], 7.0f) + 1)
        GATED(3, 1, RATE * (x + 0.044715f * x * x * x), 0, INFINITY, 1.0f)
    }
}

/* The k best experts of each row by the router's scores, and the rows and shares of each. */
void choose(const Step *step, int64_t k, int normalised) {
    const int64_t n = step->rows, experts = step->experts;
    memset(step->counts, 0, experts * sizeof(int64_t));
    memset(step->more, 0, n * step->dim * sizeof(float));
    for (int64_t b = 0; b < n; b++) {
        float *fits = step->fits + b * experts, *share = step->share + b * k, sum = 0, best = 0;
        int64_t *chosen = step->chosen + b * k;
        float most = -INFINITY;
        for (int64_t e = 0; e < experts; e++) most = fits[e] > most ? fits[e] : most;
        for (int64_t e = 0; e < experts; e++) sum += fits[e] = power(fits[e] - most);
        for (int64_t c = 0; c < k; c++) {
            int64_t at = -1; /* none twice, whatever is no number */
            for (int64_t e = 0; e < experts; e++)
                if (fits[e] != -1 && (at < 0 || fits[e] > fits[at])) at = e;
            chosen[c] = at, share[c] = fits[at], best += fits[at], fits[at] = -1;
            step->counts[at]++;
        }
        for (int64_t c = 0; c < k; c++) share[c] /= normalised ? best : sum;
    }
    for (int64_t e = 0, to = 0; e < experts; e++)
        if (step->counts[e])
            for (int64_t i = 0; i < n * k; i++)
                if (step->chosen[i] == e) step->which[to] = i / k, step->shares[to++] = step->share[i];
}

/* The features of an expert's rows: so many, `from` some place on among those of all. */
void collect(const Step *step, int64_t from, int64_t count) {
    const int64_t d = step->dim;
    for (int64_t i = 0; i < count; i++)
        memcpy(step->some + i * d, step->hidden + step->which[from + i] * d, d * sizeof(float));
}

/* Its answers, by their shares, to what is added to those rows. */
void spread(const Step *step, int64_t from, int64_t count) {
    const int64_t d = step->dim;
    for (int64_t i = 0; i < count; i++) {
        const float share = step->shares[from + i], *restrict one = step->one + i * d;
        float *restrict more = step->more + step->which[from + i] * d;
        for (int64_t j = 0; j < d; j++) more[j] += share * one[j];
    }
}
