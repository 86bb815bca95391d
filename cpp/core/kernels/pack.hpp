// Several groups of lanes side by side: a sweep is one long chain of dependent operations, and independent eigenvalues
// are what fills the time between them. Same operations, same order, whatever the instruction set.
#pragma once

#include <cstddef>

#include "core/kernels/lanes.hpp"

namespace specsched {

constexpr int pack_groups = 4;
constexpr int pack_count = pack_groups * lane_count;

struct Pack {
    Lanes group[pack_groups];

    Pack() = default;
    Pack(double x) {  // NOLINT: constants convert
        for (Lanes& lanes : group) lanes = Lanes(x);
    }
    static Pack load(const double* from) {
        Pack z;
        for (int g = 0; g < pack_groups; ++g) z.group[g] = Lanes::load(from + g * lane_count);
        return z;
    }
    void store(double* to) const {
        for (int g = 0; g < pack_groups; ++g) group[g].store(to + g * lane_count);
    }
    Lanes fold() const { return (group[0] + group[1]) + (group[2] + group[3]); }
    double sum() const { return fold().sum(); }
};

#define SPECSCHED_PACKWISE(op)                                                       \
    inline Pack operator op(const Pack& x, const Pack& y) {                          \
        Pack z;                                                                      \
        for (int g = 0; g < pack_groups; ++g) z.group[g] = x.group[g] op y.group[g]; \
        return z;                                                                    \
    }
SPECSCHED_PACKWISE(+)
SPECSCHED_PACKWISE(-)
SPECSCHED_PACKWISE(*)
SPECSCHED_PACKWISE(/)
#undef SPECSCHED_PACKWISE

inline Pack operator-(const Pack& x) { return Pack(0.0) - x; }

// The next values, of which `left` are there; lanes past them hold `fill`.
inline Pack load_padded(const double* from, std::ptrdiff_t left, double fill) {
    if (left >= pack_count) return Pack::load(from);
    double padded[pack_count];
    for (int l = 0; l < pack_count; ++l) padded[l] = l < left ? from[l] : fill;
    return Pack::load(padded);
}

// The first `left` of the values.
inline void store_some(double* to, std::ptrdiff_t left, const Pack& x) {
    double each[pack_count];
    x.store(each);
    for (int l = 0; l < pack_count && l < left; ++l) to[l] = each[l];
}

template <class F>
Pack map_pack(const Pack& x, const F& f) {
    Pack z;
    for (int g = 0; g < pack_groups; ++g) z.group[g] = map_lanes(x.group[g], f);
    return z;
}
template <class F>
Pack map_pack(const Pack& x, const Pack& y, const F& f) {
    double a[pack_count], b[pack_count];
    x.store(a);
    y.store(b);
    for (int l = 0; l < pack_count; ++l) a[l] = f(a[l], b[l]);
    return Pack::load(a);
}
inline Pack sqrt(const Pack& x) {
    return map_pack(x, [](double v) { return std::sqrt(v); });
}
inline Pack absolute(const Pack& x) {
    return map_pack(x, [](double v) { return std::fabs(v); });
}
inline Pack excess_over_log(const Pack& x, const Pack& ratio) {
    return map_pack(x, ratio, [](double a, double b) { return excess_over_log(a, b); });
}

}  // namespace specsched
