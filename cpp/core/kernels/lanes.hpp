// Eight eigenvalues at a time. The lanes are stored in the widest registers of the instruction set, but the operations
// and their order are the same for every width, so that all instruction sets give the same bits.
#pragma once

#include <cmath>

#include "core/dual.hpp"

// Everything that a function calls becomes part of it, or it becomes part of what calls it, so that lanes stay in registers:
// GCC leaves operators of AVX2 blocks (two registers each) as calls otherwise.
#if defined(__GNUC__)
#define SPECSCHED_FLATTEN __attribute__((flatten))
#define SPECSCHED_INLINE __attribute__((always_inline)) inline
#else
#define SPECSCHED_FLATTEN
#define SPECSCHED_INLINE inline
#endif

#ifndef SPECSCHED_REGISTER_DOUBLES
#define SPECSCHED_REGISTER_DOUBLES 1
#endif

namespace specsched {

constexpr int lane_count = 8;

// Loops over registers have a fixed count and decide nothing: GCOVR_EXCL_BR_START

// A few registers side by side.
template <int count>
struct Registers {
    static constexpr int width = SPECSCHED_REGISTER_DOUBLES;
    static constexpr int size = count * width;
#if SPECSCHED_REGISTER_DOUBLES > 1
    typedef double Register __attribute__((vector_size(8 * SPECSCHED_REGISTER_DOUBLES), aligned(8), may_alias));
    typedef double Wide __attribute__((vector_size(8 * SPECSCHED_REGISTER_DOUBLES)));
#else
    using Register = double;
    using Wide = double;
#endif
    Wide part[count];

    Registers() = default;
    SPECSCHED_INLINE Registers(double x) {  // NOLINT: constants convert
        for (int i = 0; i < count; ++i) part[i] = x - Wide{};
    }
    static SPECSCHED_INLINE Registers load(const double* from) {
        Registers z;
        for (int i = 0; i < count; ++i) z.part[i] = *reinterpret_cast<const Register*>(from + i * width);
        return z;
    }
    SPECSCHED_INLINE void store(double* to) const {
        for (int i = 0; i < count; ++i) *reinterpret_cast<Register*>(to + i * width) = part[i];
    }
    // Sum of a block's lanes in a fixed tree order.
    double sum() const {
        static_assert(size == lane_count, "a whole block");
        double x[lane_count];
        store(x);
        return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
    }

#define SPECSCHED_LANEWISE(op)                                                              \
    friend SPECSCHED_INLINE Registers operator op(const Registers& x, const Registers& y) { \
        Registers z;                                                                        \
        for (int i = 0; i < count; ++i) z.part[i] = x.part[i] op y.part[i];                 \
        return z;                                                                           \
    }
    SPECSCHED_LANEWISE(+)
    SPECSCHED_LANEWISE(-)
    SPECSCHED_LANEWISE(*)
    SPECSCHED_LANEWISE(/)
#undef SPECSCHED_LANEWISE
    friend SPECSCHED_INLINE Registers operator-(const Registers& x) { return Registers(0.0) - x; }
};

// A block of eigenvalues; and the strips that the step loops run over one by one, so that their values stay in
// registers. Without vector types a strip is a whole block, which compilers may vectorise.
using Lanes = Registers<lane_count / SPECSCHED_REGISTER_DOUBLES>;
using Strip = Registers<SPECSCHED_REGISTER_DOUBLES == 1 ? lane_count : 1>;

// A function of one double, lane by lane.
template <int count, class F>
Registers<count> map_lanes(const Registers<count>& x, const F& f) {
    double v[Registers<count>::size];
    x.store(v);
    for (double& value : v) value = f(value);
    return Registers<count>::load(v);
}
template <int count>
Registers<count> sqrt(const Registers<count>& x) {
    double v[Registers<count>::size], root[Registers<count>::size];
    x.store(v);
    for (int l = 0; l < Registers<count>::size; ++l) root[l] = std::sqrt(v[l]);  // one instruction per register
    return Registers<count>::load(root);
}
inline Lanes excess_over_log(const Lanes& x, const Lanes& ratio) {
    double a[lane_count], b[lane_count];
    x.store(a);
    ratio.store(b);
    for (int l = 0; l < lane_count; ++l) a[l] = excess_over_log(a[l], b[l]);
    return Lanes::load(a);
}
// GCOVR_EXCL_BR_STOP

}  // namespace specsched
