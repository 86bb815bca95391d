#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/losses.hpp"
#include "core/parallel.hpp"
#include "core/sampler.hpp"

namespace specsched::bindings {
namespace {

constexpr std::ptrdiff_t worth_threads = std::ptrdiff_t{1} << 20;  // eigenvalue steps; about 3 ms

// Losses of many schedules: threads share the schedules, so that each loss has the bits of a serial `evaluate`.
Array evaluate_many(const Array& eigenvalues, const Array& weights, const Array& mean_power, const Array& sigmas,
                    const Sampler& sampler, Process process, Loss loss, int threads) {
    const SpectrumView spectrum = spectrum_view(eigenvalues, weights, mean_power);
    if (sigmas.ndim() != 2 || sigmas.shape(1) < 2)
        throw std::invalid_argument("sigmas must have one row per schedule and at least two levels");
    const std::ptrdiff_t count = sigmas.shape(0), levels = sigmas.shape(1);
    const double* const rows = sigmas.data();
    Array losses = new_array(count);
    double* const slots = losses.mutable_data();
    {
        py::gil_scoped_release unlock;
        const bool few = count * levels * spectrum.size < worth_threads;
        parallel_for(count, few ? 1 : resolve_threads(threads), [&](std::ptrdiff_t i) {
            const LevelsView row{rows + i * levels, levels};
            slots[i] = reported_loss(loss, loss_sum(sampler, spectrum, row, process, loss, nullptr, 1));
        });
    }
    return losses;
}

// Loss and its gradient by the levels and by the eta of each step, for a sampler that has one.
py::tuple value_and_grad_eta(const Array& eigenvalues, const Array& weights, const Array& mean_power,
                             const Array& sigmas, const Sampler& sampler, Process process, Loss loss, int threads) {
    const SpectrumView spectrum = spectrum_view(eigenvalues, weights, mean_power);
    const LevelsView levels = levels_view(sigmas);
    Array gradient = new_array(levels.count), by_eta = new_array(levels.count - 1);
    double *const slots = gradient.mutable_data(), *const eta_slots = by_eta.mutable_data();
    double sum = 0.0;
    {
        py::gil_scoped_release unlock;
        sum = engine_loss_gradient(spectrum, levels, sampler.spec, process, loss, sampler.error, threads, slots,
                                   eta_slots);
        const double slope = reported_slope(loss, sum);
        for (std::ptrdiff_t k = 0; k < levels.count; ++k) slots[k] *= slope;
        for (std::ptrdiff_t k = 0; k + 1 < levels.count; ++k) eta_slots[k] *= slope;
    }
    return py::make_tuple(reported_loss(loss, sum), gradient, by_eta);
}

Sampler with_eta_steps(const Sampler& sampler, const Array& eta) {
    const double* const values = data_of(eta, "eta");
    Sampler changed = on_engine(sampler);
    changed.spec.eta_steps.assign(values, values + eta.shape(0));
    return changed;
}

}  // namespace

void bind_grid(py::module_& m) {
    const auto spectrum_arguments = [&](const char* name, auto function) {
        m.def(name, function, py::arg("eigenvalues").noconvert(), py::arg("weights").noconvert(),
              py::arg("mean_power").noconvert(), py::arg("sigmas").noconvert(), py::arg("sampler"),
              py::arg("process"), py::arg("loss"), py::arg("threads"));
    };
    spectrum_arguments("evaluate_many", &evaluate_many);
    spectrum_arguments("value_and_grad_eta", &value_and_grad_eta);
    m.def("with_eta_steps", &with_eta_steps, py::arg("sampler"), py::arg("eta").noconvert());
}

}  // namespace specsched::bindings
