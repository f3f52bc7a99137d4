/* GELU of many numbers, in the two forms that models have.
 *
 *   of erf    y = max(x, 0) - |x| exp(-P(|x|)),    exp(-P(t)) = erfc(t / sqrt 2) / 2
 *   of tanh   y = max(x, 0) - |x| e / (1 + e),     e = exp(-sqrt(8/pi) (t + 0.044715 t^3)), t = |x|
 *
 * Neither is the difference of numbers that are close, as 1 + erf is left of zero. P is a polynomial
 * of least squares over 0 to FAR, weighted as it counts; the loops are written so that compilers make
 * vectors of them.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#define FAR 6.0f     /* beyond, what is taken away is below 1e-9 |x| */
#define SPAN 4096    /* numbers that a thread takes at once */
#define INLINE static inline __attribute__((always_inline))

static const float P[] = {
    0.693147178f, 0.797884736f, 0.318307628f, 0.0363463583f, -0.00480651187f, -8.30733288e-06f,
    0.000195953513f, -5.16074771e-05f, 6.56615782e-06f, -3.51328903e-07f,
};
#define DEGREE (sizeof(P) / sizeof(P[0]) - 1)

INLINE float power(int32_t n) { /* 2^n */
    const int32_t b = (127 + n) << 23;
    float x;
    memcpy(&x, &b, 4);
    return x;
}

INLINE float decay(float p) { /* exp(-p), 0 <= p < 80 */
    const float n = rintf(p * 1.44269504f), r = n * 0.693147181f - p; /* |r| <= ln 2 / 2 */
    float e = 1.0f / 5040;
    e = e * r + 1.0f / 720, e = e * r + 1.0f / 120, e = e * r + 1.0f / 24;
    e = e * r + 1.0f / 6, e = e * r + 0.5f, e = e * r + 1, e = e * r + 1;
    return e * power(-(int32_t)n);
}

INLINE float gelu(float x, const int tanh) {
    const float t = fabsf(x), near = t > FAR ? FAR : t; /* what is no number stays none */
    float share;
    if (tanh) {
        const float e = decay(1.59576912f * (near + 0.044715f * near * near * near));
        share = e / (1 + e);
    } else {
        float p = P[DEGREE];
        for (int k = DEGREE - 1; k >= 0; k--) p = p * near + P[k];
        share = decay(p);
    }
    return t > FAR ? (x > 0 ? x : 0 * x) : (x > 0 ? x : 0) - t * share;
}

static void some(const float *x, float *y, int64_t n, int tanh) {
    if (tanh) for (int64_t j = 0; j < n; j++) y[j] = gelu(x[j], 1);
    else for (int64_t j = 0; j < n; j++) y[j] = gelu(x[j], 0);
}

/* y = gelu(x) of n numbers; y may be x. */
void gelus(const float *x, float *y, int64_t n, int tanh, int threads) {
    if (threads > 1 && n > SPAN) {
#pragma omp parallel for num_threads(threads)
        for (int64_t i = 0; i < n; i += SPAN) some(x + i, y + i, n - i < SPAN ? n - i : SPAN, tanh);
    } else some(x, y, n, tanh);
}
