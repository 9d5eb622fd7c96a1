// How fast one core reads memory: the yardstick of the kernels' figures from DRAM.
//   gcc -O3 -mavx2 -o read read.c && ./read
#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { runs = 15 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    size_t n = 512ul << 20;
    char *p = aligned_alloc(2 << 20, n);
    for (size_t i = 0; i < n; i += 8) *(long *)(p + i) = (long)i;
    double took[runs];
    volatile long sink;
    for (int r = 0; r < runs; r++) {
        double start = now();
        __m256i s[4] = {0};
        for (size_t i = 0; i < n; i += 128) {
            _mm_prefetch(p + i + 2048, _MM_HINT_T0);
            _mm_prefetch(p + i + 2112, _MM_HINT_T0);
            for (int k = 0; k < 4; k++)
                s[k] = _mm256_xor_si256(s[k], _mm256_load_si256((__m256i *)(p + i + 32 * k)));
        }
        sink = _mm256_extract_epi64(_mm256_xor_si256(_mm256_xor_si256(s[0], s[1]), _mm256_xor_si256(s[2], s[3])), 0);
        took[r] = now() - start;
    }
    (void)sink;
    qsort(took, runs, sizeof *took, order);
    printf("%.1f GB/s, median of %d\n", n / took[runs / 2] / 1e9, runs);
}
