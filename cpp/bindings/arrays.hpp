// NumPy arrays to views and back. Python checks spectra; here shapes, and the levels, on which every formula depends.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "core/panels/panels.hpp"
#include "core/problem.hpp"

namespace specsched::bindings {

namespace py = pybind11;
using Array = py::array_t<double, py::array::c_style>;

inline const double* data_of(const Array& array, const char* name, py::ssize_t length = -1) {
    if (array.ndim() != 1) throw std::invalid_argument(std::string(name) + " must be one-dimensional");
    if (length >= 0 && array.shape(0) != length) throw std::invalid_argument(std::string(name) + " has a wrong length");
    return array.data();
}

inline SpectrumView spectrum_view(const Array& eigenvalues, const Array& weights, const Array& mean_power) {
    const py::ssize_t size = eigenvalues.ndim() == 1 ? eigenvalues.shape(0) : -1;
    if (size < 1) throw std::invalid_argument("eigenvalues must be a non-empty vector");
    return {eigenvalues.data(), data_of(weights, "weights", size), data_of(mean_power, "mean_power", size), size};
}

// Arrays that the core looks at, with the panels of large ones.
class BoundSpectrum {
  public:
    BoundSpectrum(Array eigenvalues, Array weights, Array mean_power, int threads)
        : eigenvalues_(std::move(eigenvalues)), weights_(std::move(weights)), mean_power_(std::move(mean_power)) {
        view_ = spectrum_view(eigenvalues_, weights_, mean_power_);
        if (view_.size < least_panel_spectrum) return;
        const py::gil_scoped_release unlock;
        panels_ = std::make_shared<const Panels>(view_, threads);
        view_.panels = panels_.get();
    }
    const SpectrumView& view() const { return view_; }

  private:
    Array eigenvalues_, weights_, mean_power_;
    std::shared_ptr<const Panels> panels_;
    SpectrumView view_;
};

// In range (core/problem.hpp); NaN fails every comparison. Their order is Schedule's to keep: a search may step over it.
inline void check_levels(const LevelsView& levels) {
    for (std::ptrdiff_t k = 0; k < levels.count; ++k) {
        const double level = levels.sigmas[k];
        if ((level >= least_level && level <= largest_level) || (level == 0.0 && k == levels.count - 1)) continue;
        std::ostringstream text;
        text << "sigmas[" << k << "] is " << level << "; losses are computed for levels between " << least_level
             << " and " << largest_level << " (the last one may be 0)";
        throw std::invalid_argument(text.str());
    }
}

inline LevelsView levels_view(const Array& sigmas) {
    const double* data = data_of(sigmas, "sigmas");
    if (sigmas.shape(0) < 2) throw std::invalid_argument("sigmas must have at least two levels");
    const LevelsView levels{data, sigmas.shape(0)};
    check_levels(levels);
    return levels;
}

inline Array new_array(py::ssize_t length) { return Array(length); }

}  // namespace specsched::bindings
