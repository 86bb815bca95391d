// NumPy arrays to views and back. Python checks values; here only shapes that memory safety depends on.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>

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

inline LevelsView levels_view(const Array& sigmas) {
    const double* data = data_of(sigmas, "sigmas");
    if (sigmas.shape(0) < 2) throw std::invalid_argument("sigmas must have at least two levels");
    return {data, sigmas.shape(0)};
}

inline Array new_array(py::ssize_t length) { return Array(length); }

}  // namespace specsched::bindings
