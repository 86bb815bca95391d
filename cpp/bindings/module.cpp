#include <pybind11/pybind11.h>

#include "bindings/bind.hpp"

PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    m.doc() = "Compiled core of specsched. Arguments are checked by the Python modules that call it.";
    specsched::bindings::bind_names(m);
    specsched::bindings::bind_evaluate(m);
    specsched::bindings::bind_design(m);
    specsched::bindings::bind_program(m);
    specsched::bindings::bind_modes(m);
}
