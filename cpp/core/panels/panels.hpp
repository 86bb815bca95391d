// A spectrum cut into panels of two octaves, and the few entries that stand for it where loss terms are polynomials on
// each panel: what losses by panels (panel_loss.hpp) need of the spectrum alone, made once.
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

// A piece of a panel: the work of one thread at a time.
struct PanelPiece {
    std::size_t panel;
    std::ptrdiff_t begin, count;
};
std::vector<PanelPiece> cut(const std::vector<Panel>& panels);

// Entries of a spectrum, with memory of their own.
struct Entries {
    std::vector<double> eigenvalues, weights, mean_power;

    void add(const SpectrumView& s, std::ptrdiff_t begin, std::ptrdiff_t count);
    SpectrumView view() const;
    std::ptrdiff_t size() const { return static_cast<std::ptrdiff_t>(eigenvalues.size()); }
};

class Panels {
  public:
    // Looks at the arrays of `spectrum` for as long as it lives.
    explicit Panels(const SpectrumView& spectrum, int threads = 1);
    Panels(const Panels&) = delete;
    Panels& operator=(const Panels&) = delete;

    SpectrumView sorted;        // panel by panel; a spectrum in order stays where it is
    std::vector<Panel> full;    // panels with enough eigenvalues to gain from nodes
    std::vector<Panel> sparse;  // the others, and whatever is out of range
    Entries few;                // the nodes of the full panels, weighed for sums over them, then all sparse entries
    // Weight and mean power of the whole panel for each of its nodes, and 0 for the sparse entries.
    std::vector<double> panel_weight, panel_power;

  private:
    void weigh_nodes(int threads);

    Entries own_;  // what `sorted` looks at where the order had to change
};

}  // namespace specsched
