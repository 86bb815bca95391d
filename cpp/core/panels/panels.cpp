#include "core/panels/panels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/kernels/kernels.hpp"

namespace specsched {
namespace {

constexpr int bias = 1023;
constexpr int widest = 100;  // panels cover 2^-100 ... 2^101
constexpr int keys = widest + 2;
constexpr std::ptrdiff_t least_count = 2 * panel_nodes;

// Number of the panel, from the exponent alone; 0: out of range.
inline int key_of(double eigenvalue) {
    std::uint64_t bits;
    std::memcpy(&bits, &eigenvalue, sizeof bits);
    const int exponent = static_cast<int>(bits >> 52) - bias + widest;
    return exponent >= 0 && exponent <= 2 * widest + 1 ? 1 + exponent / 2 : 0;
}
double center_of(int key) { return std::ldexp(1.0, 2 * (key - 1) - widest + 1); }

// Neighbours often have the same key: counters of their own keep one increment from waiting for the one before.
constexpr int streams = 4;
struct Counters {
    std::ptrdiff_t of[keys][streams] = {};

    std::ptrdiff_t& at(int key, std::ptrdiff_t i) { return of[key][i % streams]; }
    std::ptrdiff_t total(int key) const {
        std::ptrdiff_t sum = 0;
        for (const std::ptrdiff_t count : of[key]) sum += count;
        return sum;
    }
};

// Counting sort by key into memory that the thread keeps.
SpectrumView sort_by_key(const SpectrumView& s, const Counters& counters) {
    thread_local std::vector<double> storage;
    storage.resize(std::max<std::size_t>(storage.size(), 3 * static_cast<std::size_t>(s.size)));
    double *const values = storage.data(), *const weights = values + s.size, *const power = weights + s.size;
    Counters next;
    std::ptrdiff_t sum = 0;
    for (int key = 0; key < keys; ++key)
        for (int stream = 0; stream < streams; ++stream) {
            next.of[key][stream] = sum;
            sum += counters.of[key][stream];
        }
    for (std::ptrdiff_t i = 0; i < s.size; ++i) {
        const std::ptrdiff_t place = next.at(key_of(s.eigenvalues[i]), i)++;
        values[place] = s.eigenvalues[i];
        weights[place] = s.weights[i];
        power[place] = s.mean_power[i];
    }
    return {values, weights, power, s.size};
}

}  // namespace

Panels::Panels(const SpectrumView& spectrum) : sorted(spectrum) {
    Counters counters;
    int runs = 0, occupied = 0, before = -1;
    for (std::ptrdiff_t i = 0; i < spectrum.size; ++i) {
        const int key = key_of(spectrum.eigenvalues[i]);
        ++counters.at(key, i);
        runs += key != before;  // no branch: the order of the eigenvalues may be anything
        before = key;
    }
    for (int key = 0; key < keys; ++key) occupied += counters.total(key) > 0;
    // A sorted spectrum, the usual one, stays where it is.
    if (runs != occupied) sorted = sort_by_key(spectrum, counters);
    for (std::ptrdiff_t begin = 0; begin < spectrum.size;) {
        const int key = key_of(sorted.eigenvalues[begin]);
        const std::ptrdiff_t count = counters.total(key);
        std::vector<Panel>& kind = key > 0 && count >= least_count ? full : sparse;
        kind.push_back({begin, count, center_of(key)});
        begin += count;
    }
}

}  // namespace specsched
