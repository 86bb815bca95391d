// A discrete measure on the axis x = log2(eigenvalue), the one on which Gauss rules are built.
#pragma once

#include <cstddef>
#include <vector>

namespace specsched::compression {

struct Measure {
    std::vector<double> x;
    std::vector<double> mass;

    std::size_t size() const { return x.size(); }
    void add(double at, double how_much) {
        x.push_back(at);
        mass.push_back(how_much);
    }
    void append(const Measure& other) {
        x.insert(x.end(), other.x.begin(), other.x.end());
        mass.insert(mass.end(), other.mass.begin(), other.mass.end());
    }
};

}  // namespace specsched::compression
