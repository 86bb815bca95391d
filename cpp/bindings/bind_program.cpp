// The recorded program of a run, as arrays: what is analysed is what runs.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/engine/program.hpp"
#include "core/sampler.hpp"

namespace specsched::bindings {
namespace {

using Integers = py::array_t<int, py::array::c_style>;

Integers integers(const std::vector<int>& values) {
    return Integers(static_cast<py::ssize_t>(values.size()), values.data());
}
Array reals(const std::vector<double>& values) { return Array(static_cast<py::ssize_t>(values.size()), values.data()); }

py::dict program(const Sampler& sampler, const Array& sigmas) {
    const Program recorded = record(sampler.spec, levels_view(sigmas), sampler.error, Derivatives::none);
    std::vector<int> kind, first{0};
    std::vector<double> level, noise;
    for (const SweepOperation& operation : recorded.operations) {
        kind.push_back(operation.kind);
        first.push_back(operation.first + operation.count);
        level.push_back(operation.level < 0 ? 0.0 : recorded.level[static_cast<std::size_t>(operation.level)]);
        noise.push_back(operation.noise < 0 ? 0.0 : recorded.noise[static_cast<std::size_t>(operation.noise)]);
    }
    py::dict out;
    out["kind"] = integers(kind);
    out["first"] = integers(first);
    out["source"] = integers(recorded.source);
    out["factor"] = reals(recorded.factor);
    out["level"] = reals(level);
    out["noise"] = reals(noise);
    out["step_end"] = integers(recorded.step_end);
    out["step_output"] = integers(recorded.step_output);
    return out;
}

}  // namespace

void bind_program(py::module_& m) { m.def("program", &program, py::arg("sampler"), py::arg("sigmas").noconvert()); }

}  // namespace specsched::bindings
