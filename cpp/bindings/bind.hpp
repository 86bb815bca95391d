// One function per topic; module.cpp calls them in order.
#pragma once

#include <pybind11/pybind11.h>

namespace specsched::bindings {

void bind_names(pybind11::module_& m);     // Process, Loss, Sampler, kernels
void bind_evaluate(pybind11::module_& m);  // evaluate, value_and_grad, transfer
void bind_design(pybind11::module_& m);    // the design problem and its result, many designs at once
void bind_modes(pybind11::module_& m);     // affine modes: sums, gradients, designs of levels and tables
void bind_program(pybind11::module_& m);   // the recorded linear program of a run

}  // namespace specsched::bindings
