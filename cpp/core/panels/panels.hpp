// A spectrum cut into panels of two octaves.
#pragma once

#include <cstddef>
#include <vector>

#include "core/problem.hpp"

namespace specsched {

constexpr std::ptrdiff_t least_panel_spectrum = 256;  // smaller spectra gain nothing

// Eigenvalues in [center / 2, 2 center), one after the other in Panels::sorted.
struct Panel {
    std::ptrdiff_t begin, count;
    double center;
};

struct Panels {
    SpectrumView sorted;  // valid until the next Panels of this thread
    std::vector<Panel> full;    // panels with enough eigenvalues to gain from nodes
    std::vector<Panel> sparse;  // the others, and whatever is out of range

    explicit Panels(const SpectrumView& spectrum);
};

}  // namespace specsched
