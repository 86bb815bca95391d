// What this machine can do at best on one thread, in nanoseconds per double: independent multiplications, additions,
// both together, divisions, all in registers, and stores to the first cache. docs/kernels.md compares the kernels
// with it.
//
//     g++ -std=c++17 -O3 -march=native -ffp-contract=off bench/machine_bound.cpp -o machine_bound && ./machine_bound
//
// Append -DREGISTER_DOUBLES=4 for AVX2, 2 for SSE2 (default 8, AVX-512). CPU time, the least of many rounds: what a
// busy machine takes away shows less. Needs GCC or Clang on Linux.
#include <algorithm>
#include <cstdio>
#include <ctime>

#ifndef REGISTER_DOUBLES
#define REGISTER_DOUBLES 8
#endif

namespace {

typedef double Register __attribute__((vector_size(8 * REGISTER_DOUBLES)));
constexpr int chains = 12;  // enough to hide the latency, few enough to stay in registers
constexpr int repeats = 50000, rounds = 200;

double cpu_seconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Body>
double least_time(const Body& body) {
    double best = 1e9;
    for (int round = 0; round < rounds; ++round) {
        const double start = cpu_seconds();
        for (int i = 0; i < repeats; ++i) body();
        best = std::min(best, cpu_seconds() - start);
    }
    return best * 1e9 / (static_cast<double>(repeats) * chains * REGISTER_DOUBLES);
}

// Applies the operation to twelve registers that the compiler must take for unknown after each.
template <class Operation>
double measure(const Operation& operation) {
    Register a = Register{} + 1.0, b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
    return least_time([&] {
        a = operation(a), b = operation(b), c = operation(c), d = operation(d);
        e = operation(e), f = operation(f), g = operation(g), h = operation(h);
        i = operation(i), j = operation(j), k = operation(k), l = operation(l);
        asm volatile(""
                     : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f), "+x"(g), "+x"(h), "+x"(i), "+x"(j),
                       "+x"(k), "+x"(l));
    });
}

double measure_stores() {
    static Register slots[chains];
    const Register value = Register{} + 1.0;
    return least_time([&] {
        for (Register& slot : slots) slot = value;
        asm volatile("" : : : "memory");
    });
}

}  // namespace

int main() {
    const Register factor = Register{} + 0.999999, offset = Register{} + 1e-6;
    const double multiply = measure([=](Register x) { return x * factor; });
    const double add = measure([=](Register x) { return x + offset; });
    const double both = measure([=](Register x) { return x * factor + offset; });
    const double divide = measure([=](Register x) { return factor / x; });
    std::printf(
        "%d doubles a register, ns per double: multiply %.4f, add %.4f, multiply and add %.4f, divide %.4f, "
        "store %.4f\n",
        REGISTER_DOUBLES, multiply, add, both, divide, measure_stores());
}
