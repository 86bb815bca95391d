#include <pybind11/stl.h>

#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/engine/engine.hpp"
#include "core/kernels/dispatch.hpp"
#include "core/parallel.hpp"
#include "core/sampler.hpp"

namespace specsched::bindings {

namespace py = pybind11;

namespace {

// UniPC's corrector left out after these steps.
Sampler without_corrector(Sampler sampler, std::vector<int> steps) {
    sampler.spec.disable_corrector = std::move(steps);
    return sampler;
}

// An eta of its own for each step.
Sampler with_eta_steps(const Sampler& sampler, const Array& eta) {
    const double* const values = data_of(eta, "eta");
    Sampler changed = on_engine(sampler);
    changed.spec.eta_steps.assign(values, values + eta.shape(0));
    return changed;
}

// The table of a designed solver: coefficients [steps x back], and model times [steps] or none.
Sampler with_table(Sampler sampler, const py::array_t<double, py::array::c_style>& coefficients, const Array& times) {
    const double back = sampler.spec.order - 1.0;
    if (coefficients.ndim() != 2 || static_cast<double>(coefficients.shape(1)) != back)
        throw std::invalid_argument("coefficients must have order - 1 columns");
    sampler.spec.coefficients.assign(coefficients.data(), coefficients.data() + coefficients.size());
    const double* const told = data_of(times, "model_times");
    sampler.spec.model_times.assign(told, told + times.shape(0));
    return sampler;
}

// The rows of core/losses/list.hpp with what Python asks about them.
void bind_losses(py::module_& m) {
    py::enum_<Loss> loss(m, "Loss");
    each_loss([&](const char* name, Loss value, auto) { loss.value(name, value); });
    m.def("loss_list", [] {
        py::list rows;
        each_loss([&](const char* name, Loss value, auto l) {
            using L = decltype(l);
            rows.append(py::make_tuple(name, value, L::title, L::heading, L::admits_zeros, L::has_unit));
        });
        return rows;
    });
}

}  // namespace

void bind_names(py::module_& m) {
    py::enum_<Process>(m, "Process").value("vp", Process::vp).value("ve", Process::ve).value("flow", Process::flow);
    bind_losses(m);
    py::enum_<Target>(m, "Target").value("data", Target::data).value("limit", Target::limit);
    py::enum_<Start>(m, "Start").value("prior", Start::prior).value("data", Start::data);
    py::class_<Criterion>(m, "Criterion")
        .def(py::init([](Process process, Loss loss, Target target, Start start) {
                 return Criterion{process, loss, target, start};
             }),
             py::arg("process"), py::arg("loss"), py::arg("target"), py::arg("start"))
        .def_readonly("process", &Criterion::process)
        .def_readonly("loss", &Criterion::loss)
        .def_readonly("target", &Criterion::target)
        .def_readonly("start", &Criterion::start);
    m.attr("SMALLEST_EIGENVALUE") = smallest_eigenvalue;
    m.attr("LEAST_LEVEL") = least_level;
    m.attr("LARGEST_LEVEL") = largest_level;
    m.attr("LARGEST_ENTRY") = largest_entry;
    m.attr("ERROR_LENGTH") = error_length;
    m.def("signal_scale", [](Process p, double r) { return signal_scale(p, r); }, py::arg("process"), py::arg("sigma"));
    m.def(
        "start_variance", [](Process p, double r) { return start_variance(p, r); }, py::arg("process"),
        py::arg("sigma"));
    py::class_<Sampler>(m, "Sampler")
        .def(py::init(&make_sampler), py::arg("name"), py::arg("options"), py::arg("error"))
        .def_readonly("dense", &Sampler::dense)
        .def("on_engine", [](const Sampler& s) { return on_engine(s); })
        .def("one_by_one", [](const Sampler& s) { return one_by_one(s); })
        .def("with_eta_steps", &with_eta_steps, py::arg("eta").noconvert())
        .def("without_corrector", &without_corrector, py::arg("steps"))
        .def("with_table", &with_table, py::arg("coefficients").noconvert(), py::arg("model_times").noconvert())
        .def(
            "function_evaluations",
            [](const Sampler& s, std::ptrdiff_t steps, bool last_is_zero) {
                return function_evaluations(s.spec, steps, last_is_zero);
            },
            py::arg("steps"), py::arg("last_is_zero"))
        .def("check_limit", [](const Sampler& s) { return check_limit(s.spec); })
        .def(
            "check", [](const Sampler& s, const Array& sigmas) { return check(s.spec, levels_view(sigmas)); },
            py::arg("sigmas").noconvert());
    m.def("solver_list", [] {
        py::list rows;
        for (const SolverInfo& info : solver_list()) {
            py::dict options;
            for (const SolverOption& option : info.options) options[py::str(option.name)] = option.value;
            rows.append(py::make_tuple(info.name, info.aliases, options, info.stochastic));
        }
        return rows;
    });
    m.def("available_kernels", &available_kernels);
    m.def("select_kernels", &select_kernels, py::arg("name"));
    m.def("kernels_in_use", [] { return std::string(kernels().name); });
    m.def("resolve_threads", &resolve_threads, py::arg("threads"));
}

}  // namespace specsched::bindings
