/* histogram.h - a fixed log-linear histogram of nanoseconds.

   Buckets are exact below 64 ns; above that each power of two is cut into 32,
   so a recorded value is off by at most 1/32 (3.1 %) of itself.  No allocation
   and no branch on the content inside the window.  The idea is that of HDR
   histograms (hdrhistogram.org); percentiles of several rounds are never
   averaged, their values go into one histogram. */

#ifndef PB_HISTOGRAM_H
#define PB_HISTOGRAM_H

#include "compat.h"

/* 64 exact buckets, then 32 for each of the exponents 6 to 40 (2^41 ns is 37
   minutes; anything longer is counted in the last bucket, and max_ns keeps
   its exact value). */
enum {
    PB_HISTOGRAM_EXACT = 64, PB_HISTOGRAM_PARTS = 32,
    PB_HISTOGRAM_EXPONENTS = 35,
    PB_HISTOGRAM_BUCKETS = PB_HISTOGRAM_EXACT + PB_HISTOGRAM_PARTS * PB_HISTOGRAM_EXPONENTS,
};

struct pb_histogram {
    int64_t count;
    int64_t max_ns;
    int64_t buckets[PB_HISTOGRAM_BUCKETS];
};

void pb_histogram_record(struct pb_histogram *histogram, int64_t value_ns);

/* Smallest recorded value (to the bucket's upper edge, at most max_ns) that at
   least `fraction` of the values do not exceed; 0 of an empty histogram. */
int64_t pb_histogram_quantile(const struct pb_histogram *histogram,
                              double fraction);

#endif /* PB_HISTOGRAM_H */
